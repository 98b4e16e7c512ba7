"""Every error that the explainers raise. They know no HTTP; the API maps them.

LeafpathError
├── BundleError                  a bundle must not be served
│   ├── ManifestError            manifest.json is unreadable or contradicts itself
│   ├── IntegrityError           a file is missing, extra, altered or a link
│   ├── SignatureError           the manifest is not signed by a trusted key
│   ├── UnsafeGraphError         an ONNX file holds something that is not allowed
│   ├── TreeError                tree.json is not a tree, or does not fit the manifest
│   └── GoldenMismatchError      the graphs do not reproduce the recorded outputs
├── InputError                   what the caller sent does not fit; says where
│   ├── InstanceError            an instance does not fit the model's inputs
│   │   └── UnseenCategoryError  a category that the bundle refuses
│   ├── ParameterError           a method's parameter is unknown or out of bounds
│   └── UnknownMethodError       no explanation method of that name
├── KeyFileError                 a file of keys is unreadable, or holds other keys
├── UnsupportedMethodError       this bundle lacks what the method requires
├── NonFiniteError               the model answered NaN or infinity
└── DeadlineError                the work took longer than it may
"""

from collections.abc import Iterable


class LeafpathError(Exception):
    """Base of every error that Leafpath raises on purpose."""


class BundleError(LeafpathError):
    """A bundle cannot be trusted or read; it must not be served."""


class ManifestError(BundleError):
    """manifest.json is unreadable, not canonical, or contradicts itself."""


class IntegrityError(BundleError):
    """The files of a bundle are not exactly those that its manifest lists."""


class SignatureError(BundleError):
    """The manifest of a bundle is not signed by a key that is trusted."""


class UnsafeGraphError(BundleError):
    """An ONNX file holds an operator or a reference that is not allowed."""


class TreeError(BundleError):
    """tree.json is not a well-formed tree, or does not fit the manifest."""


class GoldenMismatchError(BundleError):
    """The graphs do not reproduce the outputs recorded when the bundle was written."""


class KeyFileError(LeafpathError):
    """A file of keys cannot be read or written, or holds keys of another kind."""


class InputError(LeafpathError):
    """What the caller sent does not fit.

    Parameters
    ----------
    path : JSONPath of the offending value, such as ``$.instances[2][5]``.
    problem : what was wrong, naming the value.
    allowed : what would have been accepted; None when the problem says it all.
    """

    def __init__(self, path: str, problem: str, allowed: str | None = None) -> None:
        self.path = path
        self.problem = problem
        self.allowed = allowed
        super().__init__(f"{path}: {problem}" + (f"; {allowed}" if allowed else ""))


class InstanceError(InputError):
    """An instance does not fit the model's input schema."""


class UnseenCategoryError(InstanceError):
    """Training never saw this category of ``feature``, and the bundle refuses such."""

    def __init__(self, path: str, feature: str, problem: str, allowed: str) -> None:
        self.feature = feature
        super().__init__(path, problem, allowed)


class ParameterError(InputError):
    """A parameter of an explanation method is unknown or out of bounds."""


class UnknownMethodError(InputError):
    """No explanation method of that name exists."""

    def __init__(self, path: str, name: str, available: Iterable[str]) -> None:
        choices = ", ".join(sorted(available))
        super().__init__(path, f"unknown method {name!r}", f"available: {choices}")


class UnsupportedMethodError(LeafpathError):
    """The method exists, but this bundle lacks what it requires."""

    def __init__(
        self, model: str, method: str, reason: str, available: Iterable[str]
    ) -> None:
        self.model = model
        self.method = method
        choices = ", ".join(sorted(available))
        super().__init__(
            f"model {model!r} cannot answer {method!r}: {reason}; available: {choices}"
        )


class NonFiniteError(LeafpathError):
    """The model answered NaN or infinity for an input that is within bounds."""


class DeadlineError(LeafpathError):
    """The work was given up because its deadline has passed."""
