"""What is counted of a checkout is what is in it."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.house.__main__ import main
from tests.house.count import House, Longest, counted
from tests.house.cycles import cycles

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a checkout with a house of one loose module, its entrance."""
    return built(tmp_path, {"connector/__init__.py": ""})


def built(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def house_of(checkout: Path, files: Mapping[str, str]) -> House:
    """Count the checkout with these files in it. A function makes a median and a longest one possible."""
    return counted(built(checkout, {"connector/room/__init__.py": "def f(): pass\n", **files}))


def test_folders_are_rooms_the_drivers_are_one_and_loose_modules_are_none(checkout: Path) -> None:
    house = house_of(
        checkout,
        {
            "connector/app.py": "",
            "connector/room/inner/deep.py": "",
            "connector/profiles/none.toml": "",
            "drivers/memory/memory_driver.py": "",
            "drivers/keys.py": "",
        },
    )

    assert (house.rooms, house.loose_modules, house.modules) == (2, 2, 6)


@pytest.mark.parametrize(
    "line",
    [
        "import connector.other.thing",
        "from connector.other import thing",
        "from connector.other.thing import name",
        "from ..other import thing",
        "def late():\n    from connector.other.thing import name",
    ],
)
def test_an_arrow_is_counted_however_the_other_room_is_imported(checkout: Path, line: str) -> None:
    house = house_of(checkout, {"connector/room/one.py": f"{line}\n", "connector/other/thing.py": "name = 1\n"})

    assert house.arrows == 1


def test_an_arrow_counts_once_and_neither_within_a_room_nor_to_a_library(checkout: Path) -> None:
    house = house_of(
        checkout,
        {
            "connector/room/__init__.py": "from . import two\ndef f(): pass\n",
            "connector/room/one.py": "import json, connector.room.two, drivers.keys\n",
            "connector/room/two.py": "from drivers import keys\n",
            "drivers/keys.py": "",
        },
    )

    assert house.arrows == 1


def test_two_rooms_that_need_each_other_are_a_cycle_though_their_modules_make_none(checkout: Path) -> None:
    house = house_of(
        checkout,
        {
            "connector/room/one.py": "import connector.other.below\n",
            "connector/room/base.py": "",
            "connector/other/below.py": "",
            "connector/other/above.py": "import connector.room.base\n",
        },
    )

    assert house.cycles_of_rooms == [["connector.other", "connector.room"]]
    assert house.cycles_of_modules == []


def test_modules_that_need_each_other_over_a_third_are_one_cycle(checkout: Path) -> None:
    names = ["one", "two", "three"]
    files = {
        f"connector/room/{name}.py": f"import connector.room.{other}\n"
        for name, other in zip(names, [*names[1:], names[0]], strict=True)
    }

    assert house_of(checkout, files).cycles_of_modules == [[f"connector.room.{name}" for name in sorted(names)]]


def test_two_cycles_that_only_one_arrow_joins_stay_two() -> None:
    arrows = {"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"c"}, "e": {"a"}, "f": {"f"}}

    assert cycles(arrows) == [["a", "b"], ["c", "d"]]


def test_a_function_is_as_long_as_its_body_without_the_docstring(checkout: Path) -> None:
    text = '''class C:
    async def long(
        self,
    ):
        """Say.

        More.
        """
        a = 1

        return a
'''
    house = house_of(checkout, {"connector/room/one.py": text, "connector/room/two.py": "def empty():\n    '''Nothing.'''\n"})

    assert house.longest_function == Longest("connector.room.one.long", 3)
    assert (house.functions, house.median_function) == (3, 1)
    assert house.longest_module == Longest("connector.room.one", 11)


def test_a_comment_counts_beside_code_too_but_not_in_a_text_or_for_a_tool(checkout: Path) -> None:
    text = "# why\na = 1  # because\nb = '# no'\nc = 1  # noqa: E501\nd = 1\n"
    house = house_of(checkout, {"connector/room/one.py": text, "connector/room/two.py": "e = 1\n" * 4})

    assert (house.lines, house.comments_per_100_lines) == (10, 20.0)


def test_a_name_that_two_modules_have_is_told_and_that_of_a_package_is_none(checkout: Path) -> None:
    house = house_of(checkout, {f"connector/{room}/{name}.py": "" for room in ("a", "b") for name in ("errors", "__init__")})

    assert house.shared_names == ["errors"]


def test_checkouts_are_shown_side_by_side(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house_of(checkout, {"connector/app.py": ""})

    main([str(ROOT), str(checkout)])

    table = capsys.readouterr().out.splitlines()
    assert "| cycles of rooms | 0 | 0 |" in table
    assert [row.split("|")[3].strip() for row in table if row.startswith("| loose modules")] == ["2"]


def test_the_json_names_what_is_in_a_cycle(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house_of(checkout, {"connector/one.py": "import connector.two\n", "connector/two.py": "import connector.one\n"})

    main(["--json", str(checkout)])

    (house,) = json.loads(capsys.readouterr().out)
    assert house["cycles_of_modules"] == [["connector.one", "connector.two"]]


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path)])

    assert ended.value.code == 2
    assert "name the folder of a checkout" in capsys.readouterr().err
