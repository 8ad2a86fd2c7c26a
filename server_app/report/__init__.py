"""A run as one page: report.html, which opens without a network.

document.py     a run folder as one JSON document: what modules beside it tell of trials, nodes, costs and so on
comparison.py   several runs as one
page.py         a document as HTML, with the style and the script that lie in static/
write.py        report.html into a run folder
"""
