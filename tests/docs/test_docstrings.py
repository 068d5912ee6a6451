"""Whatever a user imports says what it is."""

import importlib
import inspect

import pytest


def undocumented(module_name: str) -> list[str]:
    module = importlib.import_module(module_name)
    missing = [] if module.__doc__ else [module_name]
    for name in module.__all__:
        thing = getattr(module, name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue  # constants
        if not thing.__doc__:
            missing.append(name)
        if inspect.isclass(thing):
            missing += [
                f"{name}.{method}"
                for method, function in vars(thing).items()
                if inspect.isfunction(function) and not method.startswith("_") and not inspect.getdoc(function)
            ]
    return missing


@pytest.mark.parametrize("module", ["eventfold", "eventfold.django"])
def test_every_public_name_has_a_docstring(module):
    assert undocumented(module) == []
