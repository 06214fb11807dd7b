"""What holds where: equations and conditions, and the residual blocks that they become."""

from pinnlab.conditions.condition import Condition as Condition
from pinnlab.conditions.condition import Integral as Integral
from pinnlab.conditions.condition import Interface as Interface
from pinnlab.conditions.data import Data as Data
from pinnlab.conditions.dirichlet import Dirichlet as Dirichlet
from pinnlab.conditions.equation import Equation as Equation
from pinnlab.conditions.gradient_enhanced import GradientEnhanced as GradientEnhanced
from pinnlab.conditions.initial import Initial as Initial
from pinnlab.conditions.neumann import Neumann as Neumann
from pinnlab.conditions.neumann import Robin as Robin
from pinnlab.conditions.periodic import Periodic as Periodic

__all__ = [
    "Condition",
    "Data",
    "Dirichlet",
    "Equation",
    "GradientEnhanced",
    "Initial",
    "Integral",
    "Interface",
    "Neumann",
    "Periodic",
    "Robin",
]
