"""pinnlab: declare PDEs as they stand in a textbook, solve them with neural surrogates."""

from pinnlab._version import __version__ as __version__
