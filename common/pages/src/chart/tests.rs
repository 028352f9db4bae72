use super::*;
use churn_common::metrics::Estimate;
use roxmltree::{Document, Node};

const HOSTILE: &str = "<b>\"&amp;'</b>";

fn caption(id: &str) -> Caption {
    Caption::new(id, format!("Title {HOSTILE}"), format!("Description {HOSTILE}"))
}

/// One chart of every kind, with names that must be escaped.
fn charts() -> Vec<Chart> {
    let axis = |end| Axis::new(HOSTILE, 0.0..end);
    let estimate = Estimate { value: Some(0.4), low: Some(0.1), high: Some(7.0) };
    let mark = |value| Mark { name: HOSTILE.to_owned(), value, note: HOSTILE.to_owned() };
    let points = vec![(0.0, 0.1), (0.5, 0.6), (1.0, 0.4)];
    let intervals = Form::Intervals(vec![(0.0, 0.2), (0.5, 0.7), (0.3, 0.5)]);
    let series = [Form::Line, Form::Guide, Form::Dots, intervals].map(|form| Series::new(form, FIRST, points.clone()));
    [
        Bars { caption: caption("bars"), x: axis(2.0), bars: vec![(HOSTILE.to_owned(), 1.5), ("b".to_owned(), 0.0)] }
            .draw(),
        Lines { caption: caption("lines"), x: axis(1.0), y: axis(1.0), series: series.into() }.draw(),
        Whiskers {
            caption: caption("whiskers"),
            x: axis(1.0),
            marks: vec![mark(estimate), mark(Estimate::UNDEFINED)],
            guide: Some(0.5),
        }
        .draw(),
        Grid {
            caption: caption("grid"),
            columns: ("predicted", ["stays", "churns"]),
            rows: ("actual", ["stayed", "churned"]),
            cells: [[(90, "true negatives"), (10, "false positives")], [(0, "false negatives"), (0, "true positives")]],
        }
        .draw(),
    ]
    .map(Result::unwrap)
    .into()
}

fn texts<'a>(document: &'a Document<'_>) -> Vec<&'a str> {
    let is_text = |node: &Node<'_, '_>| node.tag_name().name() == "text";
    document.descendants().filter(is_text).filter_map(|node| node.text()).map(str::trim).collect()
}

#[test]
fn charts_are_well_formed_and_have_texts_for_screen_readers() {
    for chart in charts() {
        let document = Document::parse(&chart.svg).unwrap_or_else(|e| panic!("{}: {e}", chart.id));
        let root = document.root_element();
        assert_eq!((root.tag_name().name(), root.attribute("role")), ("svg", Some("img")), "{}", chart.id);
        let ids: Vec<&str> = root.attribute("aria-labelledby").unwrap().split(' ').collect();
        for (id, text) in ids.into_iter().zip([&chart.title, &chart.description]) {
            let node = document.descendants().find(|node| node.attribute("id") == Some(id)).unwrap();
            assert_eq!(node.text(), Some(text.as_str()));
        }
        assert!(texts(&document).contains(&chart.title.as_str()), "{}", chart.id);
    }
}

#[test]
fn grid_cell_has_its_count_and_share_of_the_row() {
    let grid = charts().pop().unwrap();
    let document = Document::parse(&grid.svg).unwrap();
    let texts = texts(&document);
    for text in ["90", "90.0 % of the row", "10.0 % of the row", "true positives", "0.0 % of the row"] {
        assert!(texts.contains(&text), "{text}: {texts:?}");
    }
}
