use super::*;
use crate::event::Event;
use crate::testing::{at, event, events, slices_of};
use proptest::prelude::*;

#[test]
fn slice_excludes_cancellation_from_activity() {
    let events = [
        event(0, at(1, 10_000), Page::NextSong),
        event(1, at(1, 20_000), Page::ThumbsUp),
        event(2, at(1, 30_000), Page::Cancel),
        event(3, at(1, 40_000), Page::CancellationConfirmation),
    ];
    let days = slices_of(&events);
    let slice = &days[0].slices[0];
    assert_eq!((slice.events(), slice.active_events()), (4, 2));
    assert_eq!(slice.active(), Some((at(1, 10_000), at(1, 20_000))));
    assert_eq!(slice.cancelled_at(), Some(at(1, 40_000)));
    assert_eq!(slice.level_events(), (0, 2));
    assert_eq!([0, 3, 4].map(|key| slice.contains(key)), [true, true, false]);
    assert_eq!((slice.songs().len(), slice.artists().len(), slice.listened_ms()), (1, 1, 200_000));
}

#[test]
fn same_item_and_time_is_a_duplicate() {
    let mut builder = SliceBuilder::default();
    assert_eq!(builder.add(&event(5, at(1, 0), Page::Home)), Added::New);
    assert_eq!(builder.add(&event(5, at(1, 0), Page::Help)), Added::Duplicate);
    assert_eq!(builder.add(&event(5, at(1, 1), Page::Home)), Added::New);
    assert_eq!(builder.finish()[0].slices[0].events(), 2);
}

#[test]
fn without_items_time_and_page_identify_events() {
    let bare = |ts, page| crate::event::Event { item: None, ..event(0, ts, page) };
    let mut builder = SliceBuilder::default();
    assert_eq!(builder.add(&bare(at(1, 0), Page::NextSong)), Added::New);
    assert_eq!(builder.add(&bare(at(1, 0), Page::ThumbsUp)), Added::New);
    assert_eq!(builder.add(&bare(at(1, 0), Page::ThumbsUp)), Added::Duplicate);
}

/// The largest item: songs only, no two of them of one kind, adjacent or alike.
#[test]
fn session_size_is_limited() {
    let mut builder = SliceBuilder::default();
    for i in 0..builder::MAX_EVENTS as u32 {
        let (artist, song) = (Some(format!("artist {i}").into()), Some(format!("song {i}").into()));
        let (level, length_ms) = (Some(if i % 2 == 0 { Level::Free } else { Level::Paid }), Some(21_600_000 - i));
        let event = Event { artist, song, level, length_ms, ..event(200_000 * i, at(1, i), Page::NextSong) };
        assert_eq!(builder.add(&event), Added::New);
    }
    assert_eq!(builder.add(&event(0, at(1, 0), Page::NextSong)), Added::Duplicate);
    assert_eq!(builder.add(&event(1_000_000, at(1, 0), Page::NextSong)), Added::TooMany);
    let slices = &builder.finish()[0].slices;
    let bytes = encode(slices).unwrap();
    assert!((200_000..350_000).contains(&bytes.len()), "{} bytes", bytes.len());
    assert_eq!(decode(at(1, 0).day(), &bytes).as_ref(), Ok(slices));
}

/// A session as in a real log: 83 events, 4 of 5 of them songs.
#[test]
fn usual_session_has_ten_bytes_an_event() {
    let mut random = fastrand::Rng::with_seed(3);
    let events: Vec<_> = (0..83)
        .map(|i| {
            let page = if random.u8(..5) == 0 { Page::ALL[random.usize(2..10)] } else { Page::NextSong };
            let is_song = page == Page::NextSong;
            let name = |n: u32| is_song.then(|| format!("{n}").into());
            let length_ms = is_song.then(|| random.u32(150_000..350_000));
            Event { artist: name(i), song: name(i), length_ms, ..event(i, at(1, 250_000 * i), page) }
        })
        .collect();
    let bytes = encode(&slices_of(&events)[0].slices).unwrap();
    assert!(bytes.len() < 830, "{} bytes", bytes.len());
}

proptest! {
    #[test]
    fn encoding_round_trips(events in events()) {
        for day in slices_of(&events) {
            prop_assert_eq!(decode(day.day, &encode(&day.slices).unwrap()), Ok(day.slices));
        }
    }

    #[test]
    fn damaged_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), cut in 0usize..200) {
        let _ = decode(at(1, 0).day(), &bytes);
        let _ = decode(at(1, 0).day(), &[&[1u8], &bytes[..]].concat());
        let whole = encode(&slices_of(&[event(3, at(1, 5), Page::NextSong)])[0].slices).unwrap();
        if cut < whole.len() {
            prop_assert!(decode(at(1, 0).day(), &whole[..cut]).is_err());
        }
    }

    #[test]
    fn merging_is_associative_and_commutative(events in events(), shards in prop::collection::vec(1usize..8, 200)) {
        // All in one session and day, with at least one event in each shard. An event can be in several shards.
        let moved = |e: &Event<'static>| Event { session: SessionId::from_number(1), ts: at(1, e.ts.millis_of_day()), ..e.clone() };
        let slice = |shard: usize| {
            let part = events.iter().zip(&shards).filter(|(_, s)| *s >> shard & 1 != 0).map(|(e, _)| moved(e));
            let own = event(1_000 + shard as u32, at(1, 0), Page::Home);
            let own = Event { session: SessionId::from_number(1), ..own };
            let mut days = slices_of(&part.chain([own]).collect::<Vec<_>>());
            days.remove(0).slices.remove(0)
        };
        let (a, b, c) = (slice(0), slice(1), slice(2));
        let join = |x: &SessionSlice, y: &SessionSlice| { let mut x = x.clone(); x.merge(y); x };
        prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&c, &b)));
    }
}
