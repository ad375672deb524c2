"""Where the tolerance bands come from."""

from __future__ import annotations

PLAN = "research plan"
RECORDINGS = "the recordings"
REFERENCES = {
    PLAN: "The research plan that ATC implements, on ETH_JPY margin trading at GMO Coin.",
    RECORDINGS: "The recordings that stand beside the simulator, their range widened.",
    "Bauwens 2005": "L. Bauwens: Econometric analysis of intra-daily trading activity on Tokyo Stock "
    "Exchange. IMES Discussion Paper 2005-E-3, Bank of Japan (2005).",
    "Cont 2001": "R. Cont: Empirical properties of asset returns: stylized facts and statistical issues. "
    "Quantitative Finance 1 (2001), the list of section 2.",
    "Engle & Russell 1998": "R. F. Engle, J. R. Russell: Autoregressive conditional duration: a new model "
    "for irregularly spaced transaction data. Econometrica 66 (1998).",
    "Gopikrishnan et al. 2000": "P. Gopikrishnan, V. Plerou, X. Gabaix, H. E. Stanley: Statistical "
    "properties of share volume traded in financial markets. Physical Review E 62 (2000).",
    "Gould et al. 2015": "M. D. Gould, M. A. Porter, S. D. Howison: The long memory of order flow in the "
    "foreign exchange spot market. arXiv 1504.04354 (2015).",
    "Lillo & Farmer 2004": "F. Lillo, J. D. Farmer: The long memory of the efficient market. Studies in "
    "Nonlinear Dynamics & Econometrics 8 (2004).",
    "Lillo et al. 2003": "F. Lillo, J. D. Farmer, R. N. Mantegna: Master curve for price-impact function. "
    "Nature 421 (2003); with details in arXiv cond-mat/0207428.",
    "Plerou & Stanley 2007": "V. Plerou, H. E. Stanley: Tests of scaling and universality of the "
    "distributions of trade size and share volume. Physical Review E 76 (2007).",
    "Schnaubelt et al. 2019": "M. Schnaubelt, J. Rende, C. Krauss: Testing stylized facts of Bitcoin limit "
    "order books. Journal of Risk and Financial Management 12 (2019).",
    "Takaishi 2020": "T. Takaishi: Recent scaling properties of Bitcoin price returns. arXiv 2009.06874 "
    "(2020).",
}
