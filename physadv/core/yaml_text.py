"""YAML, strictly: whatever is wrong with a text is a :class:`yaml.YAMLError`, and a key that comes twice is wrong."""

from __future__ import annotations

from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys are all different; PyYAML's own keeps the last of equal ones without a word."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} comes twice in one mapping", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> Any:
    """The value that a YAML text stands for.

    Raises:
        yaml.YAMLError: it is not YAML, stands for something that there is not (a 45th of the month), is nested too
            deep to be read, or has a key twice.
    """
    try:
        return yaml.load(text, _Loader)
    except ValueError as error:
        raise yaml.MarkedYAMLError(problem=str(error)) from error
    except RecursionError as error:
        raise yaml.MarkedYAMLError(problem="nested too deep") from error
