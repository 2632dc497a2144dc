//! Texts to filters: the three spellings, values, and what is refused where.

use super::super::{MAX_CHARS, MAX_COMPARISONS, MAX_DEPTH, MAX_ITEMS, Raw, parse, parse_all};
use super::{at, on_small_stack, refused};

fn canonical(text: &str) -> String {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
}

#[test]
fn the_three_spellings_say_the_same() {
    for (spellings, words) in [
        (&["a eq 'x'", "a=='x'", "a : 'x'", "a:'x'", "a=eq='x'", "a==x", "a EQ \"x\"", "(a:x)"][..], "a eq 'x'"),
        (&["a ne 'x'", "a!='x'", "a!'x'", "a ! x", "a=ne=x"], "a ne 'x'"),
        (&["a gt 3", "a>3", "a > '3'", "a=gt=3"], "a gt 3"),
        (&["a ge 3", "a>=3", "a>:3", "a >: 3", "a=ge=3"], "a ge 3"),
        (&["a lt 3", "a<3", "a=LT=3"], "a lt 3"),
        (&["a le 3", "a<=3", "a<:3", "a=le=3"], "a le 3"),
        (&["a like 'x*'", "a=like='x*'", "a~'x*'", "a ~ x*"], "a like 'x*'"),
        (&["a ilike 'x%'", "a=ilike='x%'", "a~~'x%'"], "a ilike 'x%'"),
        (&["a in ('x', 'y')", "a=in=(x,y)", "a in ['x','y']", "a IN(x , y)"], "a in ('x', 'y')"),
        (&["a not in ('x')", "a=out=(x)", "a not in ['x']", "not a in (x)", "a=out=x"], "not a in ('x')"),
        (&["a not like 'x'", "a=notlike=x", "not a~'x'", "not (a like x)"], "not a like 'x'"),
        (&["a is null", "a IS NULL", "(a is null)"], "a is null"),
        (&["a is not null", "not a is null"], "not a is null"),
        (&["a is empty", "a is  Empty"], "a is empty"),
        (&["a is not empty", "not (a is empty)"], "not a is empty"),
        (&["a eq null", "a==null", "a:NULL"], "a eq null"),
        (&["a eq 1 and b eq 2", "a==1;b==2", "a:1 AND b:2", "a:1;(b==2)", "a eq'1'and b:'2'"], "a eq 1 and b eq 2"),
        (&["a eq 1 or b eq 2", "a==1,b==2", "a:1 Or b:2"], "a eq 1 or b eq 2"),
        (&["a:1 or b:2 and c:3", "a==1,b==2;c==3", "a:1 or (b:2 and c:3)"], "a eq 1 or b eq 2 and c eq 3"),
        (&["(a:1 or b:2) and c:3", "(a==1,b==2);c==3"], "(a eq 1 or b eq 2) and c eq 3"),
        (&["not a:1 and b:2", "(not a:1) and b:2", "not(a:1);b==2"], "not a eq 1 and b eq 2"),
        (&["not (a:1 and b:2)"], "not (a eq 1 and b eq 2)"),
        (&["not not a:1"], "not not a eq 1"),
        (&["a:1 and (b:2 and c:3)"], "a eq 1 and (b eq 2 and c eq 3)"),
        (
            &[
                "assistantId eq 'x' and (status eq 'FAILED' or priority gt 3)",
                "assistantId:x;(status==FAILED,priority>3)",
            ],
            "assistantId eq 'x' and (status eq 'FAILED' or priority gt 3)",
        ),
    ] {
        for spelling in spellings {
            assert_eq!(canonical(spelling), words, "{spelling}");
            assert_eq!(parse(spelling).unwrap(), parse(words).unwrap(), "{spelling}");
        }
    }
}

#[test]
fn values_are_read_as_they_are_meant() {
    for (text, words) in [
        // A colon is a part of a bare value, and an operator before it.
        ("a>:2026-01-31T08:00:00Z", "a ge '2026-01-31T08:00:00Z'"),
        ("a:urn:x:1", "a eq 'urn:x:1'"),
        ("project.organization.id==x", "project.organization.id eq 'x'"),
        ("a==-12", "a eq -12"),
        ("a==-1.50", "a eq '-1.50'"),
        ("a==007", "a eq '007'"),
        ("a==TRUE", "a eq 'TRUE'"),
        ("a==true", "a eq true"),
        ("a==a*b", "a eq 'a*b'"),
        (r"a==a\*b", r"a eq 'a\\*b'"),
        (r"a=='a\*b'", r"a eq 'a\*b'"),
        (r"a=='it\'s'", r"a eq 'it\'s'"),
        (r#"a=="it's""#, r"a eq 'it\'s'"),
        (r#"a=="say \"x\"""#, r#"a eq 'say "x"'"#),
        (r"a=='\\'", r"a eq '\\'"),
        (r"a=='\n'", "a eq 'n'"),
        ("a=='null'", "a eq 'null'"),
        ("a==''", "a eq ''"),
        ("a eq 'and'", "a eq 'and'"),
        ("a==Ünïcode", "a eq 'Ünïcode'"),
        ("a eq '1; DROP TABLE executions --'", "a eq '1; DROP TABLE executions --'"),
        ("a==$1", "a eq '$1'"),
        ("a eq ' or 1=1'", "a eq ' or 1=1'"),
        ("ä eq 1", "ä eq 1"),
        ("in in (in)", "in in ('in')"),
        ("is is null", "is is null"),
        ("null eq null", "null eq null"),
    ] {
        assert_eq!(canonical(text), words, "{text}");
        assert_eq!(canonical(words), words, "{text}");
    }
    // What is quoted is a text, and no `null`.
    assert_ne!(parse("a eq 'null'").unwrap(), parse("a eq null").unwrap());
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, position, part) in [
        ("", 0, "empty"),
        ("  ", 0, "empty"),
        ("a", 1, "expected an operator after `a`"),
        ("a eq", 4, "expected a value, found the end"),
        ("a eq 1 b eq 2", 7, "expected `and`, `or` or the end, found `b`"),
        ("a = 1", 2, "a single `=`"),
        ("a=gte=1", 1, "unknown operator `=gte=`"),
        ("a is 5", 5, "expected `null` or `empty`, found `5`"),
        ("a not eq 5", 6, "expected `in`, `like` or `ilike`, found `eq`"),
        ("a in ()", 6, "expected a value, found `)`"),
        ("a in ('x' 'y')", 10, "expected `,` or `)`"),
        ("a in ['x')", 9, "expected `,` or `]`"),
        ("a in ('x'", 9, "expected `,` or `)` after a value, found the end"),
        ("(a eq 1", 7, "the `)` to the `(` at 0"),
        ("b eq 1 and (a eq 1", 18, "the `)` to the `(` at 11"),
        ("a eq 1)", 6, "expected `and`, `or` or the end, found `)`"),
        ("a eq 1;", 7, "expected the name of a field, found the end"),
        ("a eq 1 and", 10, "expected the name of a field, found the end"),
        ("and a eq 1", 0, "expected the name of a field, found `and`"),
        ("a eq and b eq 1", 5, "the word `and`; quote it"),
        ("a eq 'x", 5, "the quote ' is never closed"),
        (r"a eq 'x\", 5, "the quote ' is never closed"),
        ("5 eq a", 0, "expected the name of a field"),
        ("'a' eq 1", 0, "expected the name of a field"),
        ("a..b eq 1", 2, "expected the name of a field"),
        ("a. eq 1", 2, "expected the name of a field"),
        ("size(a) > 1", 4, "`size` looks like a function"),
        ("a > today()", 4, "`today` looks like a function"),
        ("a like 1 like 2", 9, "expected `and`, `or` or the end, found `like`"),
        ("a eq 1 \0", 7, "NUL"),
        ("ä eq 'ö' ü", 9, "found `ü`"),
        ("a eq '𝄞' 𝄞", 9, "found `𝄞`"),
        ("a <> 1", 3, "expected a value"),
        ("'; DROP TABLE executions; --", 0, "expected the name of a field"),
        ("a eq 1; DROP TABLE executions", 13, "expected an operator after `DROP`"),
        ("1=1", 0, "expected the name of a field"),
    ] {
        assert_eq!(refused(parse(text), text, part), position, "{text}");
    }
}

#[test]
fn repeated_filters_are_one_filter() {
    assert_eq!(parse_all::<&str>(&[]).unwrap(), None);
    assert_eq!(parse_all(&["", " "]).unwrap(), None);
    assert_eq!(parse_all(&["a:1", "", "b==2,c==3"]).unwrap().unwrap().to_string(), "a eq 1 and (b eq 2 or c eq 3)");
    let error = parse_all(&["a:1", "b 2"]).unwrap_err();
    assert_eq!((error.place.text, error.place.position), (1, 2));
    assert_eq!(
        error.to_string(),
        "text 2, at character 2: expected an operator after `b` (such as eq, == or :), found `2`"
    );
    let half = vec!["a:1"; MAX_COMPARISONS / 2].join(" and ");
    assert!(parse_all(&[&half, &half]).is_ok());
    let error = parse_all(&[&half, &half, "a:1"]).unwrap_err();
    assert_eq!((error.place.text, error.place.position), (2, 0));
}

#[test]
fn the_limits_hold() {
    let long = format!("a:{}", "x".repeat(MAX_CHARS - 2));
    assert!(parse(&long).is_ok());
    assert_eq!(refused(parse(&format!("{long}ü")), "long", "4096 characters, not 4097"), 0);
    let many = |count: usize| vec!["a:1"; count].join(",");
    assert!(parse(&many(MAX_COMPARISONS)).is_ok());
    assert_eq!(refused(parse(&many(MAX_COMPARISONS + 1)), &many(101), "100 comparisons"), 4 * MAX_COMPARISONS);
    let items = |count: usize| format!("a in ({})", vec!["1"; count].join(","));
    assert!(parse(&items(MAX_ITEMS)).is_ok());
    assert_eq!(refused(parse(&items(MAX_ITEMS + 1)), &items(201), "200 values"), 6 + 2 * MAX_ITEMS);
    on_small_stack(|| {
        let nested = |depth: usize| format!("{}a:1{}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(refused(parse(&nested(MAX_DEPTH + 1)), &nested(33), "32 deep"), MAX_DEPTH);
        assert_eq!(refused(parse(&"(".repeat(MAX_CHARS)), &"(".repeat(MAX_CHARS), "32 deep"), MAX_DEPTH);
        assert_eq!(refused(parse(&"not ".repeat(1_000)), &"not ".repeat(1_000), "32 deep"), 4 * MAX_DEPTH);
        // The deepest there is: every level is an `or` in an `and` in a `not`.
        let deep = (0..MAX_DEPTH / 2).fold("a:1".to_owned(), |inner, _| format!("b:1 and not (c:1 or {inner})"));
        let raw = parse(&deep).unwrap();
        assert_eq!(parse(&raw.to_string()).unwrap(), raw);
    });
}

#[test]
fn places_are_kept_and_do_not_count() {
    let raw = parse("  a eq 1 and b in (2)").unwrap();
    let Raw::All(parts) = &raw else { panic!("{raw:?}") };
    let [Raw::Test(first), Raw::Test(second)] = parts.as_slice() else { panic!("{raw:?}") };
    assert_eq!((first.place, first.values[0].place), (at(2), at(7)));
    assert_eq!((second.place, second.values[0].place), (at(13), at(19)));
    assert_eq!(raw, parse("a==1;b=in=2").unwrap());
}
