//! Reading parts of values: `.key`, `[index]`, `[start:stop:step]` and `.get(..)`.

use super::error::Failure;
use super::evaluate::Outcome;
use super::limits::Meter;
use super::operators::characters;
use super::value::{Datum, Items, Text};

/// `datum.key`: a key of a dict, and nothing else.
pub(super) fn member<'v>(meter: &Meter, datum: &Datum<'v>, key: &'v str) -> Outcome<'v> {
    let Datum::Dict(entries) = datum else {
        return Err(Failure::of_type(format!("`.{key}` needs a dict, not {}", datum.type_name())));
    };
    entries.get(meter, &Datum::text(key))?.ok_or_else(|| Failure::missing(format!("there is no key `{key}`")))
}

/// `datum.get(key, default)`.
pub(super) fn get<'v>(meter: &Meter, datum: &Datum<'v>, key: &Datum<'v>, default: Datum<'v>) -> Outcome<'v> {
    let Datum::Dict(entries) = datum else {
        return Err(Failure::of_type(format!("`.get` needs a dict, not {}", datum.type_name())));
    };
    Ok(entries.get(meter, key)?.unwrap_or(default))
}

/// `datum[index]`; `written` is the index if it is a string in the source, for the message.
pub(super) fn element<'v>(meter: &Meter, datum: &Datum<'v>, index: &Datum<'v>, written: Option<&str>) -> Outcome<'v> {
    let missing = |datum: &Datum<'_>| Failure::missing(format!("the index is outside of the {}", datum.type_name()));
    let position = || {
        let message = || format!("an index of a {} is an int, not {}", datum.type_name(), index.type_name());
        index.integer().ok_or_else(|| Failure::of_type(message()))
    };
    match datum {
        Datum::Dict(entries) => entries.get(meter, index)?.ok_or_else(|| {
            Failure::missing(
                written.map_or("the key is not there".to_owned(), |key| format!("there is no key `{key}`")),
            )
        }),
        Datum::List(items) | Datum::Tuple(items) => {
            let found = place(position()?, items.len()).and_then(|index| items.get(index));
            found.ok_or_else(|| missing(datum))
        }
        Datum::Text(text) => {
            let text = text.as_str();
            let found = place(position()?, characters(meter, text)?).and_then(|index| text.chars().nth(index));
            let character = found.ok_or_else(|| missing(datum))?;
            meter.allocate(character.len_utf8())?;
            Ok(Datum::Text(Text::built(character.into())))
        }
        _ => Err(Failure::of_type(format!("{} has no elements", datum.type_name()))),
    }
}

/// An index from the start; a negative one counts from the end.
fn place(index: i128, length: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(length as i128)? } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

/// `datum[start:stop:step]`; each of the three may be missing, or None.
pub(super) fn slice<'v>(meter: &Meter, datum: &Datum<'v>, bounds: &[Option<Datum<'v>>; 3]) -> Outcome<'v> {
    match datum {
        Datum::List(items) => slice_items(meter, items, bounds).map(Datum::List),
        Datum::Tuple(items) => slice_items(meter, items, bounds).map(Datum::Tuple),
        Datum::Text(text) => slice_text(meter, text.as_str(), bounds),
        _ => Err(Failure::of_type(format!("{} has no slices", datum.type_name()))),
    }
}

fn slice_items<'v>(meter: &Meter, items: &Items<'v>, bounds: &[Option<Datum<'v>>; 3]) -> Result<Items<'v>, Failure> {
    let range = Range::of(bounds, items.len())?;
    meter.allocate_slots(range.count)?;
    let mut list = Vec::with_capacity(range.count);
    list.extend(range.indexes().filter_map(|index| items.get(index)));
    Ok(Items::built(list))
}

fn slice_text<'v>(meter: &Meter, text: &str, bounds: &[Option<Datum<'v>>; 3]) -> Outcome<'v> {
    let length = characters(meter, text)?;
    let range = Range::of(bounds, length)?;
    meter.scan(text.len())?;
    // No character has more than four bytes, and the part has no more bytes than the whole.
    let most = range.count.saturating_mul(4).min(text.len());
    meter.allocate(most)?;
    meter.burn(range.count as u64 / 32)?;
    let mut part = String::with_capacity(most);
    let stride = usize::try_from(range.step.unsigned_abs()).unwrap_or(usize::MAX);
    if range.step > 0 {
        part.extend(text.chars().skip(range.first).step_by(stride).take(range.count));
    } else {
        let behind = length.saturating_sub(range.first + 1);
        part.extend(text.chars().rev().skip(behind).step_by(stride).take(range.count));
    }
    Ok(Datum::Text(Text::built(part)))
}

/// What a slice takes: `count` elements, from `first` on, each `step` after the one before.
struct Range {
    first: usize,
    step: i128,
    count: usize,
}

impl Range {
    fn of(bounds: &[Option<Datum<'_>>; 3], length: usize) -> Result<Self, Failure> {
        let [start, stop, step] = bounds;
        let step = bound(step.as_ref())?.unwrap_or(1);
        if step == 0 {
            return Err(Failure::of_type("the step of a slice is not 0"));
        }
        let (start, stop) = (bound(start.as_ref())?, bound(stop.as_ref())?);
        let length = length as i128;
        // Backwards the places are one lower: from the last one down to the one before the first.
        let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
        let clamp = |bound: i128| if bound < 0 { bound.saturating_add(length) } else { bound }.clamp(lowest, highest);
        let first = start.map_or(if step > 0 { lowest } else { highest }, clamp);
        let end = stop.map_or(if step > 0 { highest } else { lowest }, clamp);
        let distance = if step > 0 { end - first } else { first - end };
        let stride = step.unsigned_abs();
        let count = u128::try_from(distance).unwrap_or(0).div_ceil(stride);
        Ok(Self { first: usize::try_from(first).unwrap_or(0), step, count: count as usize })
    }

    fn indexes(&self) -> impl Iterator<Item = usize> {
        let (first, step) = (self.first as i128, self.step);
        (0..self.count).map(move |turn| (first + turn as i128 * step) as usize)
    }
}

fn bound(datum: Option<&Datum<'_>>) -> Result<Option<i128>, Failure> {
    match datum {
        None | Some(Datum::None) => Ok(None),
        Some(datum) => datum.integer().map(Some).ok_or_else(|| {
            Failure::of_type(format!("a bound of a slice is an int or None, not {}", datum.type_name()))
        }),
    }
}
