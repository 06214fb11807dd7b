r"""Problems on which conflict-free gradients are tested, ready to be solved.

In each, the gradients of equation, boundary and initial condition pull apart. They are the four
tests of Liu et al. (2024); each is a function that returns a :class:`~pinnlab.Problem`, and a
``kind`` of the section ``problem`` of a configuration file.

============= =========================================== ======================= ==============
problem       equations                                   domain                  reference
============= =========================================== ======================= ==============
`burgers`     Burgers, ν = 0.01/π                         [-1, 1], t ≤ 1          exact
`schrodinger` cubic Schrödinger, periodic                 [-5, 5], t ≤ π/2        spectral
`kovasznay`   Navier-Stokes, steady, Re = 40              [-½, 1] x [-½, 1½]      exact
`beltrami`    Navier-Stokes, unsteady, Re = 1             [-1, 1]³, t ≤ 1         exact
============= =========================================== ======================= ==============

The loss is that of the published runs up to a common factor: the squares of the equations are
summed into one term, those of prescribed values are averaged over the fields, which the weights of
the conditions do. The grids of the references are those of the published tests.

References:
    Liu, Chu and Thuerey (2025), ConFIG: Towards conflict-free training of physics informed neural
    networks, ICLR, arXiv 2408.11104, and the settings in its repository, tum-pbs/ConFIG.
"""

from pinnlab.problems.conflict_free.beltrami import beltrami as beltrami
from pinnlab.problems.conflict_free.burgers import burgers as burgers
from pinnlab.problems.conflict_free.kovasznay import kovasznay as kovasznay
from pinnlab.problems.conflict_free.schrodinger import schrodinger as schrodinger

__all__ = ["beltrami", "burgers", "kovasznay", "schrodinger"]
