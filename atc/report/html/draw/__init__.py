"""Figures as inline SVG, drawn here and coloured by the page's style sheet, so that light, dark and print are
one drawing.

A figure has no colour of its own: marks have classes (`s0` … `s7` for series, `h-5` … `h5` for the cells of a
heat map, `q0` … `q4` for low to high), which `templates/report.css` gives a colour in each scheme.
"""
