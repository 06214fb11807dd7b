r"""Jets: lazy, differentiable quantities on a batch of points.

An equation is written on jets. ``u.t + u*u.x - nu*u.xx`` builds a small graph: its leaves read
derivatives of fields, coordinates and normals from a :class:`~pinnlab.calculus.sources.JetSource`,
its inner nodes are arithmetic and elementary functions. Nothing is computed until ``.value`` is
asked for, and each leaf is read once per batch.

The graph differentiates itself. For a node :math:`f(a_1, \dots, a_m)` with local partial
derivatives :math:`f_i`, which are jets again,

.. math::
    \partial f = \sum_i f_i\, \partial a_i, \qquad
    \nabla f = \sum_i f_i \nabla a_i, \qquad
    \Delta f = \sum_i \left(\nabla f_i \cdot \nabla a_i + f_i\, \Delta a_i\right),

so that ``(k*u.x).x``, ``div(k*grad(u))`` and the Laplacian of a composite follow the chain and
product rules, whatever the surrogate. The derivative of a field leaf is the next leaf; a leaf never
differentiates a network.

Shapes: a jet is a scalar ``(n,)`` per point, or *rows* ``(n, size)`` for a vector coordinate and a
gradient over one. Constants may be numbers or 0-d tensors. A tensor of any other shape is refused
at once, so that ``(n,)`` against ``(n, 1)`` can never become ``(n, n)``.

The modules build on one another: :mod:`base`, the jet; :mod:`constants` and :mod:`leaves`;
:mod:`operations` and :mod:`elementary`, the inner nodes; :mod:`rows`, :mod:`derivations` and
:mod:`contractions` over vector coordinates; :mod:`overloads`, the operators of Python.
"""

from pinnlab.calculus.jet import overloads as overloads
from pinnlab.calculus.jet.base import Jet as Jet
from pinnlab.calculus.jet.constants import ONE as ONE
from pinnlab.calculus.jet.constants import ZERO as ZERO
from pinnlab.calculus.jet.constants import Constant as Constant
from pinnlab.calculus.jet.constants import as_jet as as_jet
from pinnlab.calculus.jet.constants import number_text as number_text
from pinnlab.calculus.jet.contractions import contracted as contracted
from pinnlab.calculus.jet.contractions import power_sum_over as power_sum_over
from pinnlab.calculus.jet.contractions import weighted_trace_over as weighted_trace_over
from pinnlab.calculus.jet.derivations import divergence_over as divergence_over
from pinnlab.calculus.jet.derivations import gradient_over as gradient_over
from pinnlab.calculus.jet.derivations import laplacian_over as laplacian_over
from pinnlab.calculus.jet.derivations import normal_derivative as normal_derivative
from pinnlab.calculus.jet.elementary import FUNCTIONS as FUNCTIONS
from pinnlab.calculus.jet.leaves import Contraction as Contraction
from pinnlab.calculus.jet.leaves import Coordinate as Coordinate
from pinnlab.calculus.jet.leaves import Field as Field
from pinnlab.calculus.jet.leaves import Normal as Normal
from pinnlab.calculus.jet.leaves import NormalRows as NormalRows
from pinnlab.calculus.jet.leaves import PointFunction as PointFunction
from pinnlab.calculus.jet.leaves import Symbol as Symbol
from pinnlab.calculus.jet.leaves import TabulatedFunction as TabulatedFunction
from pinnlab.calculus.jet.leaves import coordinate_jets as coordinate_jets
from pinnlab.calculus.jet.leaves import field_jets as field_jets
from pinnlab.calculus.jet.leaves import is_bare as is_bare
from pinnlab.calculus.jet.operations import ADD as ADD
from pinnlab.calculus.jet.operations import DIVIDE as DIVIDE
from pinnlab.calculus.jet.operations import EQUAL as EQUAL
from pinnlab.calculus.jet.operations import GREATER as GREATER
from pinnlab.calculus.jet.operations import GREATER_EQUAL as GREATER_EQUAL
from pinnlab.calculus.jet.operations import LESS as LESS
from pinnlab.calculus.jet.operations import LESS_EQUAL as LESS_EQUAL
from pinnlab.calculus.jet.operations import MULTIPLY as MULTIPLY
from pinnlab.calculus.jet.operations import NEGATE as NEGATE
from pinnlab.calculus.jet.operations import NOT_EQUAL as NOT_EQUAL
from pinnlab.calculus.jet.operations import POWER as POWER
from pinnlab.calculus.jet.operations import SPREAD as SPREAD
from pinnlab.calculus.jet.operations import SUBTRACT as SUBTRACT
from pinnlab.calculus.jet.operations import Operation as Operation
from pinnlab.calculus.jet.operations import Rule as Rule
from pinnlab.calculus.jet.operations import Spread as Spread
from pinnlab.calculus.jet.refusals import UnknownDerivative as UnknownDerivative
from pinnlab.calculus.jet.rows import COLUMN_SUM as COLUMN_SUM
