from plugin.vendors.eset.tree import Tree

LINKED = "DEVICE_GROUP_ENTITY_TYPE_"


def row(
    identifier: str, parent: str = "", linked: str = "UNSPECIFIED", *, static: bool = True
) -> dict[str, object]:
    return {
        "id": identifier,
        "name": identifier.upper(),
        "parent": parent,
        "static": static,
        "linked": LINKED + linked,
    }


def clients(*rows: dict[str, object]) -> list[str]:
    return [node.id for node in Tree(rows).clients()]


MSP = (row("all"), row("lost", "all"), row("msp", "all", "MSP"))


def test_the_groups_linked_to_companies_are_the_clients() -> None:
    rows = (*MSP, row("a", "msp", "COMPANY"), row("home", "msp", "HOUSEHOLD"), row("own", "msp"))
    assert clients(*rows) == ["a", "home"]


def test_without_linked_groups_the_first_level_is_taken() -> None:
    assert clients(row("all"), row("a", "all"), row("b", "all"), row("deep", "a")) == ["a", "b"]


def test_a_user_who_sees_parts_of_the_tree_has_their_tops_as_clients() -> None:
    assert clients(row("a", "hidden"), row("b", "hidden"), row("deep", "a")) == ["a", "b"]
    assert clients(row("only", "hidden")) == ["only"]
    assert clients() == []


def test_a_dynamic_group_is_never_a_client() -> None:
    rows = (row("all"), row("a", "all"), row("d", "all", "COMPANY", static=False))
    assert clients(*rows) == ["a"]


def test_everything_below_a_client_is_the_clients() -> None:
    rows = (*MSP, row("a", "msp", "COMPANY"), row("site", "a", "SITE"), row("pc", "site"))
    tree = Tree(rows)
    assert [tree.client_of(each) for each in ("a", "site", "pc")] == ["a", "a", "a"]
    assert [tree.client_of(each) for each in ("msp", "lost", "unknown", "")] == [""] * 4


def test_a_company_inside_a_company_is_a_client_of_its_own() -> None:
    tree = Tree((*MSP, row("a", "msp", "COMPANY"), row("b", "a", "COMPANY"), row("pc", "b")))
    assert tree.client_of("pc") == "b"
    assert tree.client_of("a") == "a"


def test_paths_begin_below_the_msp_or_the_top() -> None:
    tree = Tree((*MSP, row("region", "msp"), row("a", "region", "COMPANY")))
    assert tree.path_of("a") == ("REGION", "A")
    assert Tree((row("all"), row("a", "all"))).path_of("a") == ("A",)


def test_groups_in_a_circle_end() -> None:
    tree = Tree((row("a", "b"), row("b", "a")))
    assert tree.client_of("a") == ""
    assert tree.path_of("a") == ("B", "A")
    assert [group.workspace_id for group in tree.groups()] == ["", ""]


def test_the_linked_word_is_read_in_any_letter_case() -> None:
    odd = {**row("a", "all"), "linked": "device_group_entity_type_company "}
    assert clients(row("all"), odd, row("b", "all")) == ["a"]
