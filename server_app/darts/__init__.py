"""What a bilevel search does with the architecture weights that come back: pure functions, without nodes and rounds.

mixture         how likely each option of each place is
shrinking       which options go, and when
collapse        whether it has come to skip connections only
discretization  which networks it comes to, the strongest first
growth          how these become as large as the space allows
weights         the two arrays of a mixed network, from level to level
picture         how the options of each place became more or less likely
"""
