"""Hold the plugin to votebox's contract."""

from votebox.plugins.testing import check_plugin


def test_the_plugin_keeps_the_contract() -> None:
    assert check_plugin("votebox-units") == []
