from plusx.report.drawing import shortened, told_apart, width_of
from plusx.report.words import flat, metric_name, metric_value, share


def test_metrics_in_words() -> None:
    assert metric_name("balanced-accuracy") == "Balanced accuracy"
    assert metric_name("mae/body height") == "Mean absolute error, body height"
    assert metric_name("my metric/x") == "my metric/x"
    assert metric_value("accuracy", 0.5) == "50.0\u00a0%"
    assert metric_value("nll", 0.51239) == "0.5124"
    assert share(None) == "–"


def test_settings_as_rows() -> None:
    values = {
        "model": "resnet18",
        "sgd": {"rate": 1e-3, "nesterov": True},
        "none": None,
        "empty": [],
        "text": "",
        "n": 0,
    }
    assert flat(values) == [("model", "resnet18"), ("sgd · rate", "0.001"), ("sgd · nesterov", "yes"), ("n", "0")]
    assert flat({"size": (224, 224), "off": False}) == [("size", "224, 224"), ("off", "no")]


def test_a_long_setting_is_cut() -> None:
    [(_, text)] = flat({"classes": ["name"] * 5000})
    assert width_of(text) == 1000
    assert text.endswith("…")


def test_shortened() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "ab…"
    assert shortened("中文字", 5) == "中文…"
    assert shortened("", 3) == ""


def test_long_names_are_told_apart_by_where_they_differ() -> None:
    long = [f"Ranunculus asiaticus var. sanguineus no. {number} (red)" for number in (7, 12)]
    assert told_apart([*long, "rose"], 22) == ["Ran…7 (red)", "Ran…12 (red)", "rose"]
    assert told_apart(["a" * 30 + "1", "a" * 30 + "2"], 8) == ["aaa…1", "aaa…2"]
    assert told_apart(["一" * 12 + "红色", "一" * 12 + "蓝色", "同"], 12) == ["一一一…红色", "一一一…蓝色", "同"]
