"""What a bilevel search is made of, which `server_app.stages.bilevel` drives.

schedule        what each round does: whether it steps the architecture, how sharply, on which level
phase           a round: both arrays come back
weights         the two arrays of a mixed network, from level to level
mixture         how likely each option of each place is
shrinking       which options go from one level to the next one
collapse        whether skip connections have taken over
discretization  which plain networks it comes to, the strongest first
growth          how these become as large as the space allows
picture         how the options of each place became more or less likely
"""
