//! The backtest in Python: decisions and events in, orders, fills, curve, days and totals out.

use crate::features::value_error;
use crate::interruptible::interruptible;
use crate::tables::values;
use arrow_array::types::{Int8Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Int8Array, Int32Array, Int64Array, RecordBatch, StringArray, UInt64Array,
};
use arrow_pyarrow::PyArrowType;
use arrow_schema::{ArrowError, Field, Schema};
use atc_backtest::{
    Backtest as Session, Decisions, DrawdownResult, Fill, GivenUp, Order, Outcome, Spec, StrategyResult,
};
use atc_featuregen::batch::{BookTable, Common, ControlTable, Nullable, Tables};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::sync::Arc;

type Batch = PyArrowType<RecordBatch>;

/// Name of the column of times; all others are policies.
const TS: &str = "ts_close";

/// Columns of the decisions, borrowed.
struct Columns<'a> {
    ts: &'a [i64],
    names: Vec<&'a str>,
    targets: Vec<&'a [i64]>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> PyResult<Self> {
        let names = batch.schema_ref().fields().iter().map(|field| field.name().as_str());
        let names: Vec<&str> = names.filter(|name| *name != TS).collect();
        let targets = names.iter().map(|name| values::<Int64Type>(batch, "decision", name));
        Ok(Self {
            ts: values::<Int64Type>(batch, "decision", TS)?,
            targets: targets.collect::<PyResult<_>>()?,
            names,
        })
    }

    fn decisions(&self) -> Decisions<'_> {
        Decisions { ts: self.ts, columns: &self.names, targets: &self.targets }
    }
}

fn common<'a>(batch: &'a RecordBatch, kind: &str) -> PyResult<Common<'a>> {
    Ok(Common {
        ev_seq: values::<UInt64Type>(batch, kind, "ev_seq")?,
        ts_recv: values::<Int64Type>(batch, kind, "ts_recv")?,
        // Nobody asks when the exchange said it.
        ts_exch: Nullable { values: &[], valid: None },
        flags: values::<UInt16Type>(batch, kind, "flags")?,
    })
}

fn tables<'a>(book: &'a RecordBatch, control: &'a RecordBatch) -> PyResult<Tables<'a>> {
    let book = BookTable {
        common: common(book, "book")?,
        msg_kind: values::<UInt8Type>(book, "book", "msg_kind")?,
        side: values::<Int8Type>(book, "book", "side")?,
        px: values::<Int32Type>(book, "book", "px_ticks")?,
        qty: values::<Int64Type>(book, "book", "qty_lots")?,
    };
    let control = ControlTable {
        common: common(control, "control")?,
        control_kind: values::<UInt8Type>(control, "control", "control_kind")?,
    };
    Ok(Tables::of_book(book, control))
}

/// All strategies over one session.
#[pyclass(module = "atc._rust")]
struct Backtest {
    session: Option<Session>,
    decisions: RecordBatch,
}

#[pymethods]
impl Backtest {
    #[new]
    fn new(py: Python<'_>, spec_json: &str, decisions: Batch) -> PyResult<Self> {
        let spec: Spec =
            serde_json::from_str(spec_json).map_err(|why| value_error(format!("backtest spec: {why}")))?;
        let columns = Columns::of(&decisions.0)?;
        let session = py.detach(|| Session::new(&spec, &columns.decisions()));
        let session = session.map_err(|why| value_error(format!("backtest: {why}")))?;
        Ok(Self { session: Some(session), decisions: decisions.0 })
    }

    /// Takes the next part, which cuts no timestamp; true: the session is over.
    fn feed(&mut self, py: Python<'_>, book: Batch, control: Batch) -> PyResult<bool> {
        let mut session = self.session.take().ok_or_else(spent)?;
        let columns = Columns::of(&self.decisions)?;
        let tables = tables(&book.0, &control.0)?;
        let over = interruptible(py, |go_on| session.feed(&columns.decisions(), &tables, go_on))?;
        self.session = Some(session);
        Ok(over)
    }

    /// What every strategy did, by table.
    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let session = self.session.take().ok_or_else(spent)?;
        let columns = Columns::of(&self.decisions)?;
        let results = interruptible(py, |go_on| session.finish(&columns.decisions(), go_on))?;
        let strategies = &results.strategies;
        let found = py
            .detach(|| {
                Ok([
                    ("orders", orders(strategies)?),
                    ("fills", fills(strategies)?),
                    ("curve", curve(strategies)?),
                    ("days", days(strategies)?),
                    ("totals", totals(strategies)?),
                    ("drawdowns", drawdowns(&results.drawdowns)?),
                    ("given_up", given_up(&results.given_up)?),
                ])
            })
            .map_err(|why: ArrowError| value_error(why))?;
        let found_by_name = PyDict::new(py);
        for (name, batch) in found {
            found_by_name.set_item(name, PyArrowType(batch).into_pyobject(py)?)?;
        }
        Ok(found_by_name)
    }
}

fn spent() -> PyErr {
    value_error("finish() was called already, or an error ended the session: make a new one")
}

/// A column: name, whether it may hold nulls, values.
type Column = (String, bool, ArrayRef);

fn batch(columns: Vec<Column>) -> Result<RecordBatch, ArrowError> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, nullable, values)| Field::new(name, values.data_type().clone(), *nullable))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, _, v)| v).collect())
}

fn int64(name: &str, values: impl IntoIterator<Item = i64>) -> Column {
    (name.to_owned(), false, Arc::new(Int64Array::from_iter_values(values)))
}

fn names<'a>(names: impl IntoIterator<Item = (&'a str, usize)>) -> Column {
    let repeated = names.into_iter().flat_map(|(name, rows)| std::iter::repeat_n(name, rows));
    ("strategy".to_owned(), false, Arc::new(StringArray::from_iter_values(repeated)))
}

fn orders(results: &[StrategyResult]) -> Result<RecordBatch, ArrowError> {
    let all: Vec<&Order> = results.iter().flat_map(|result| &result.orders).collect();
    let whole = |name: &str, value: fn(&Order) -> i64| int64(name, all.iter().map(|order| value(order)));
    let optional = |name: &str, value: fn(&Order) -> Option<i64>| -> Column {
        (name.to_owned(), true, Arc::new(all.iter().map(|order| value(order)).collect::<Int64Array>()))
    };
    let price = |name: &str, value: fn(&Order) -> Option<i32>| -> Column {
        (name.to_owned(), true, Arc::new(all.iter().map(|order| value(order)).collect::<Int32Array>()))
    };
    let mark = |name: &str, value: fn(&Order) -> bool| -> Column {
        let marks: Vec<bool> = all.iter().map(|order| value(order)).collect();
        (name.to_owned(), false, Arc::new(BooleanArray::from(marks)))
    };
    let sides = Int8Array::from_iter_values(all.iter().map(|order| order.sent.intent.side));
    let outcomes = StringArray::from_iter_values(all.iter().map(|order| order.outcome.name()));
    batch(vec![
        names(results.iter().map(|result| (result.name.as_str(), result.orders.len()))),
        whole("decision", |order| order.sent.decision as i64),
        whole("ts_decision", |order| order.sent.ts_decision),
        price("bid", |order| order.sent.seen.bid),
        price("ask", |order| order.sent.seen.ask),
        optional("book_age_ns", |order| order.sent.seen.book_age_ns),
        whole("target", |order| order.sent.target),
        whole("position_before", |order| order.position_before),
        ("side".to_owned(), false, Arc::new(sides)),
        whole("qty", |order| order.sent.intent.qty),
        mark("capped", |order| order.sent.intent.capped),
        mark("reduced", |order| order.sent.intent.reduced),
        optional("ts_arrival", Order::ts_arrival),
        optional("ts_exec", Order::ts_exec),
        price("exec_bid", |order| order.met?.bid.map(|(px, _)| px)),
        optional("exec_bid_lots", |order| order.met?.bid.map(|(_, lots)| lots)),
        price("exec_ask", |order| order.met?.ask.map(|(px, _)| px)),
        optional("exec_ask_lots", |order| order.met?.ask.map(|(_, lots)| lots)),
        optional("exec_book_age_ns", |order| order.met?.book_age_ns),
        ("outcome".to_owned(), false, Arc::new(outcomes)),
        price("expected_px", Order::expected_px),
        whole("filled", |order| order.filled),
        whole("cash_flow", |order| order.cash_flow),
        whole("fees", |order| order.fees),
        whole("position_after", |order| order.position_after),
        whole("cash_after", |order| order.cash_after),
        whole("equity_after", |order| order.equity_after),
    ])
}

fn fills(results: &[StrategyResult]) -> Result<RecordBatch, ArrowError> {
    // Orders of one strategy follow those of the one before it.
    let starts = results.iter().scan(0, |next, result| {
        let start = *next;
        *next += result.orders.len();
        Some(start)
    });
    let all: Vec<(usize, Fill)> = results
        .iter()
        .zip(starts)
        .flat_map(|(result, start)| result.fills.iter().map(move |(row, fill)| (start + row, *fill)))
        .collect();
    let prices = Int32Array::from_iter_values(all.iter().map(|(_, fill)| fill.px));
    batch(vec![
        names(results.iter().map(|result| (result.name.as_str(), result.fills.len()))),
        int64("order", all.iter().map(|(order, _)| *order as i64)),
        ("px".to_owned(), false, Arc::new(prices)),
        int64("lots", all.iter().map(|(_, fill)| fill.lots)),
        int64("fee", all.iter().map(|(_, fill)| fill.fee)),
    ])
}

fn curve(results: &[StrategyResult]) -> Result<RecordBatch, ArrowError> {
    let whole = |name: &str, values: fn(&StrategyResult) -> &Vec<i64>| {
        int64(name, results.iter().flat_map(|result| values(result).iter().copied()))
    };
    batch(vec![
        names(results.iter().map(|result| (result.name.as_str(), result.curve.ts.len()))),
        whole("ts", |result| &result.curve.ts),
        whole("position", |result| &result.curve.position),
        whole("cash", |result| &result.curve.cash),
        whole("equity", |result| &result.curve.equity),
    ])
}

fn days(results: &[StrategyResult]) -> Result<RecordBatch, ArrowError> {
    let all = || results.iter().flat_map(|result| &result.days);
    batch(vec![
        names(results.iter().map(|result| (result.name.as_str(), result.days.len()))),
        int64("ts", all().map(|day| day.ts)),
        int64("position", all().map(|day| day.position)),
        int64("cash", all().map(|day| day.cash)),
        int64("equity", all().map(|day| day.equity)),
        int64("carry", all().map(|day| day.carry)),
        int64("price_half", all().map(|day| day.price_half)),
        int64("spread_impact_half", all().map(|day| day.spread_impact_half)),
        int64("fees", all().map(|day| day.fees)),
        int64("carry_total", all().map(|day| day.carry_total)),
    ])
}

fn totals(results: &[StrategyResult]) -> Result<RecordBatch, ArrowError> {
    let all = || results.iter().map(|result| &result.totals);
    let mut columns = vec![
        names(results.iter().map(|result| (result.name.as_str(), 1))),
        int64("equity", all().map(|t| t.last.equity)),
        int64("price_half", all().map(|t| t.last.price_half)),
        int64("spread_impact_half", all().map(|t| t.last.spread_impact_half)),
        int64("fees", all().map(|t| t.last.fees)),
        int64("carry", all().map(|t| t.last.carry_total)),
        int64("position", all().map(|t| t.last.position)),
        int64("cash", all().map(|t| t.last.cash)),
        int64("turnover_lots", all().map(|t| t.turnover_lots)),
        int64("turnover", all().map(|t| t.turnover)),
    ];
    let count = |name: &str, values: Vec<u64>| -> Column {
        (name.to_owned(), false, Arc::new(UInt64Array::from(values)))
    };
    columns.extend([
        count("submissions", all().map(|t| t.submissions).collect()),
        count("fills", all().map(|t| t.fills).collect()),
        count("capped", all().map(|t| t.capped).collect()),
        count("reduced", all().map(|t| t.reduced).collect()),
    ]);
    for outcome in Outcome::ALL {
        let name = format!("n_{}", outcome.name());
        columns.push(count(&name, all().map(|t| t.outcomes[outcome as usize]).collect()));
    }
    for (number, name) in ["long_ns", "short_ns", "flat_ns"].into_iter().enumerate() {
        columns.push(int64(name, all().map(|t| t.time_ns[number])));
    }
    batch(columns)
}

fn drawdowns(found: &[DrawdownResult]) -> Result<RecordBatch, ArrowError> {
    let against: StringArray = found.iter().map(|one| one.against.as_deref()).collect();
    batch(vec![
        names(found.iter().map(|one| (one.strategy.as_str(), 1))),
        ("against".to_owned(), true, Arc::new(against)),
        int64("drawdown", found.iter().map(|one| one.drawdown)),
    ])
}

fn given_up(found: &[GivenUp]) -> Result<RecordBatch, ArrowError> {
    let limits = StringArray::from_iter_values(found.iter().map(|one| one.limit.name()));
    batch(vec![
        names(found.iter().map(|one| (one.name.as_str(), 1))),
        int64("decision", found.iter().map(|one| one.decision as i64)),
        int64("ts_decision", found.iter().map(|one| one.ts_decision)),
        int64("orders", found.iter().map(|one| one.orders as i64)),
        ("limit".to_owned(), false, Arc::new(limits)),
    ])
}

/// Adds the backtest to the module.
///
/// # Errors
/// What Python raises when a name cannot be added.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("BACKTEST_DIGEST", env!("BACKTEST_DIGEST"))?;
    m.add_class::<Backtest>()
}
