//! From text to an expression, with NumPy's precedence: comparisons bind looser than `|`, `^` and `&`.

use std::sync::LazyLock;

use pest::Parser as _;
use pest::error::InputLocation;
use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, Op, PrattParser};
use swath::{ArithmeticOp, Scalar};

use super::ast::{Compare, Element, Expr, Invert, Kind, Logic, Shift, Span};
use super::complaint::Complaint;
use super::functions::Function;

/// pest's parser, in a module of its own as what it generates has no documentation.
mod grammar {
    #![allow(missing_docs, unreachable_pub, reason = "generated from grammar.pest, which says what its rules are")]

    #[derive(Debug, pest_derive::Parser)]
    #[grammar = "calc/grammar.pest"]
    pub(super) struct Grammar;
}

use grammar::{Grammar, Rule};

/// The deepest nesting of brackets, and the most operators: recursion over both must not exhaust the stack.
const DEPTH_MAX: usize = 64;
const OPERATORS_MAX: usize = 256;

type Parsed<T> = Result<T, Complaint>;

/// From the loosest to the tightest, as in Python's reference, 6.17.
static PRECEDENCE: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    PrattParser::new()
        .op(Op::infix(Rule::assign, Assoc::Left))
        .op(Op::infix(Rule::or_word, Assoc::Left))
        .op(Op::infix(Rule::and_word, Assoc::Left))
        .op(Op::prefix(Rule::not_word))
        .op(Op::infix(Rule::compare, Assoc::Left))
        .op(Op::infix(Rule::or, Assoc::Left) | Op::infix(Rule::double, Assoc::Left))
        .op(Op::infix(Rule::xor, Assoc::Left))
        .op(Op::infix(Rule::and, Assoc::Left))
        .op(Op::infix(Rule::shift, Assoc::Left))
        .op(Op::infix(Rule::sum, Assoc::Left))
        .op(Op::infix(Rule::product, Assoc::Left))
        .op(Op::prefix(Rule::complement) | Op::prefix(Rule::minus) | Op::prefix(Rule::plus))
        .op(Op::infix(Rule::power, Assoc::Right))
        .op(Op::postfix(Rule::index))
});

/// The expression of a text.
pub(super) fn parse(source: &str) -> Parsed<Expr> {
    check_depth(source)?;
    let mut pairs = Grammar::parse(Rule::expression, source).map_err(|error| unexpected(source, &error))?;
    if let Some(operator) = pairs.clone().flatten().filter(is_operator).nth(OPERATORS_MAX) {
        return Err(Complaint::new(&span(&operator), format!("an expression has at most {OPERATORS_MAX} operators")));
    }
    let expression = pairs.next().expect("a text that parses is one expression");
    operation(first(expression))
}

fn check_depth(source: &str) -> Parsed<()> {
    let mut depth = 0_usize;
    for (at, byte) in source.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Err(Complaint::new(&(at..at + 1), format!("parentheses are nested deeper than {DEPTH_MAX}")));
        }
    }
    Ok(())
}

fn is_operator(pair: &Pair<'_, Rule>) -> bool {
    let rule = pair.as_rule();
    matches!(rule, Rule::not_word | Rule::complement | Rule::minus | Rule::plus | Rule::and_word | Rule::or_word)
        || matches!(rule, Rule::and | Rule::or | Rule::xor | Rule::compare | Rule::shift)
        || matches!(rule, Rule::sum | Rule::product | Rule::power | Rule::index)
}

/// What stands where the grammar has nothing.
fn unexpected(source: &str, error: &pest::error::Error<Rule>) -> Complaint {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let rest = &source[at..];
    let length = rest.chars().next().map_or(0, char::len_utf8);
    let found = match rest.chars().next() {
        Some(character) => format!("unexpected {character}"),
        None => "the expression ends too early".to_owned(),
    };
    let wants_operand = matches!(&error.variant, pest::error::ErrorVariant::ParsingError { positives, .. }
        if positives.iter().any(|rule| matches!(rule, Rule::name | Rule::integer | Rule::operation | Rule::element)));
    let wanted = if wants_operand {
        "a name, a number, a function or ("
    } else {
        "an operator, a comma, a closing bracket or the end"
    };
    Complaint::new(&(at..at + length), format!("{found}: expected {wanted}"))
}

fn span(pair: &Pair<'_, Rule>) -> Span {
    let span = pair.as_span();
    // A rule reaches over the spaces behind it, which nobody wants to see marked.
    span.start()..span.start() + span.as_str().trim_end().len()
}

fn first(pair: Pair<'_, Rule>) -> Pair<'_, Rule> {
    pair.into_inner().next().expect("the grammar has no empty rule here")
}

fn operation(pair: Pair<'_, Rule>) -> Parsed<Expr> {
    PRECEDENCE
        .map_primary(operand)
        .map_prefix(prefixed)
        .map_postfix(indexed)
        .map_infix(infixed)
        .parse(pair.into_inner())
}

fn operand(pair: Pair<'_, Rule>) -> Parsed<Expr> {
    let span = span(&pair);
    let text = pair.as_str();
    let kind = match pair.as_rule() {
        Rule::group => Kind::Group(Box::new(operation(first(pair))?)),
        Rule::list => Kind::List(pair.into_inner().map(element).collect::<Parsed<_>>()?),
        Rule::call => call(pair)?,
        Rule::boolean => Kind::Scalar(Scalar::Bool(text.eq_ignore_ascii_case("true"))),
        Rule::special if text == "inf" => Kind::Scalar(Scalar::Float(f64::INFINITY)),
        Rule::special => Kind::Scalar(Scalar::Float(f64::NAN)),
        Rule::float | Rule::hex | Rule::integer => {
            Kind::Scalar(number(text).ok_or_else(|| Complaint::new(&span, "this number is too large"))?)
        }
        _ => Kind::Name(text.to_owned()),
    };
    Ok(Expr { span, kind })
}

fn number(text: &str) -> Option<Scalar> {
    let digits = text.replace('_', "");
    match digits.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16).ok().map(Scalar::Int),
        None if digits.contains(['.', 'e', 'E']) => {
            digits.parse().ok().filter(|v: &f64| v.is_finite()).map(Scalar::Float)
        }
        None => digits.parse().ok().map(Scalar::Int),
    }
}

fn element(pair: Pair<'_, Rule>) -> Parsed<Element> {
    let mut parts = pair.into_inner();
    let first = operation(parts.next().expect("an element has a first value"))?;
    let last = match (parts.next(), parts.next()) {
        (Some(dots), Some(last)) => Some((operation(last)?, dots.as_str().trim_end() == "..=")),
        _ => None,
    };
    Ok(Element { first, last })
}

fn call(pair: Pair<'_, Rule>) -> Parsed<Kind> {
    let whole = span(&pair);
    let mut parts = pair.into_inner();
    let name = parts.next().expect("a call has a name");
    let function = Function::named(name.as_str(), &span(&name))?;
    let arguments: Vec<_> = parts.map(operation).collect::<Parsed<_>>()?;
    function.check_count(arguments.len(), &whole)?;
    Ok(Kind::Call(function, arguments))
}

fn prefixed(op: Pair<'_, Rule>, operand: Parsed<Expr>) -> Parsed<Expr> {
    let operand = operand?;
    let place = span(&op);
    let span = place.start..operand.span.end;
    if let (false, Kind::Not(Invert::Word, _)) = (op.as_rule() == Rule::not_word, &operand.kind) {
        return Err(not_needs_parentheses(&operand.span, op.as_str().trim_end()));
    }
    let kind = match (op.as_rule(), &operand.kind) {
        (Rule::not_word, _) => Kind::Not(Invert::Word, Box::new(operand)),
        (Rule::complement, _) => Kind::Not(Invert::Symbol, Box::new(operand)),
        (Rule::minus, Kind::Scalar(value)) => Kind::Scalar(negated(*value).ok_or_else(|| no_number(&operand.span))?),
        (Rule::plus, Kind::Scalar(Scalar::Bool(_))) => return Err(no_number(&operand.span)),
        (Rule::minus, _) => Kind::Negative(Box::new(operand)),
        _ => operand.kind,
    };
    Ok(Expr { span, kind })
}

/// `x[0]`: a band of x.
fn indexed(operand: Parsed<Expr>, op: Pair<'_, Rule>) -> Parsed<Expr> {
    let (operand, place) = (operand?, span(&op));
    let band = first(op).as_str().replace('_', "").parse();
    let band = band.map_err(|_| Complaint::new(&place, "this number is too large"))?;
    Ok(Expr { span: operand.span.start..place.end, kind: Kind::Index(Box::new(operand), band) })
}

const fn negated(value: Scalar) -> Option<Scalar> {
    match value {
        Scalar::Int(value) => Some(Scalar::Int(-value)),
        Scalar::Float(value) => Some(Scalar::Float(-value)),
        Scalar::Bool(_) => None,
    }
}

fn infixed(left: Parsed<Expr>, op: Pair<'_, Rule>, right: Parsed<Expr>) -> Parsed<Expr> {
    let (left, right) = (left?, right?);
    let place = span(&op);
    let logic = match op.as_rule() {
        Rule::sum | Rule::product | Rule::power => {
            let symbol = op.as_str().trim_end();
            let how = arithmetic(symbol).ok_or_else(|| no_operator(&place, symbol))?;
            if let Kind::Not(Invert::Word, _) = right.kind {
                return Err(not_needs_parentheses(&right.span, symbol));
            }
            let span = left.span.start..right.span.end;
            return Ok(Expr { span, kind: Kind::Arithmetic(how, Box::new(left), Box::new(right)) });
        }
        Rule::shift => {
            let how = if op.as_str().trim_end() == "<<" { Shift::Left } else { Shift::Right };
            let span = left.span.start..right.span.end;
            let Kind::Scalar(Scalar::Int(bits @ 0..=63)) = right.inner().kind else {
                let message = "pixels are shifted by a number of bits from 0 to 63, as in x << 3";
                return Err(Complaint::new(&right.span, message));
            };
            return Ok(Expr { span, kind: Kind::Shift(how, Box::new(left), bits as u32) });
        }
        Rule::compare => return comparison(left, op.as_str().trim_end(), &place, right),
        Rule::and => Logic::And,
        Rule::or => Logic::Or,
        Rule::xor => Logic::Xor,
        Rule::and_word => Logic::AndWord,
        Rule::or_word => Logic::OrWord,
        _ => return Err(no_operator(&place, op.as_str().trim_end())),
    };
    if let (false, Kind::Not(Invert::Word, _)) = (logic.is_word(), &right.kind) {
        return Err(not_needs_parentheses(&right.span, logic.symbol()));
    }
    let span = left.span.start..right.span.end;
    Ok(Expr { span, kind: Kind::Logic(logic, Box::new(left), Box::new(right)) })
}

fn comparison(left: Expr, symbol: &str, place: &Span, right: Expr) -> Parsed<Expr> {
    let op = Compare::from_symbol(symbol).ok_or_else(|| no_operator(place, symbol))?;
    if let Kind::Not(Invert::Word, _) = right.kind {
        return Err(not_needs_parentheses(&right.span, symbol));
    }
    if let Kind::Compare(before, _, middle) = &left.kind {
        // `a == 8 | a == 9` is a chain as well, around `8 | a`.
        let hint = match &middle.kind {
            Kind::Logic(logic, ..) if !logic.is_word() => format!(
                "{logic} binds tighter than {symbol}, as in NumPy: put each comparison in parentheses, \
                 (a {before} 1) {logic} (b {symbol} 2)",
                logic = logic.symbol(),
                before = before.symbol()
            ),
            _ => format!("comparisons cannot be chained: write (a {} b) & (b {symbol} c)", before.symbol()),
        };
        return Err(Complaint::new(place, hint));
    }
    let span = left.span.start..right.span.end;
    Ok(Expr { span, kind: Kind::Compare(op, Box::new(left), Box::new(right)) })
}

fn not_needs_parentheses(place: &Span, symbol: &str) -> Complaint {
    Complaint::new(place, format!("not binds looser than {symbol}: put it in parentheses, or use ~"))
}

fn arithmetic(symbol: &str) -> Option<ArithmeticOp> {
    use ArithmeticOp::{Add, Div, FloorDiv, Mul, Pow, Rem, Sub};
    [Add, Sub, Mul, Div, FloorDiv, Rem, Pow].into_iter().find(|op| op.symbol() == symbol)
}

fn no_number(place: &Span) -> Complaint {
    Complaint::new(place, "true and false are no numbers")
}

/// Operators that other languages have.
fn no_operator(place: &Span, symbol: &str) -> Complaint {
    match symbol {
        "&&" => Complaint::new(place, "there is no &&: use & or and"),
        "||" => Complaint::new(place, "there is no ||: use | or or"),
        "=" => Complaint::new(place, "there is no =: use == to compare"),
        _ => Complaint::new(place, format!("there is no {symbol}")),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(source: &str, expected: &str) {
        match parse(source) {
            Ok(expression) => assert_eq!(expression.to_string(), expected, "{source}"),
            Err(complaint) => panic!("{}", complaint.show(source)),
        }
    }

    fn check_error(source: &str, expected: Expect) {
        let complaint = parse(source).map(|expression| expression.to_string()).unwrap_err();
        expected.assert_eq(&complaint.show(source));
    }

    #[test]
    fn operators_bind_as_in_numpy() {
        check("a | b ^ c & d", "(| a (^ b (& c d)))");
        check("a & b ^ c | d", "(| (^ (& a b) c) d)");
        check("~a & !b", "(& (~ a) (~ b))");
        check("a & b & c", "(& (& a b) c)");
        check("a & b > 3", "(> (& a b) 3)");
        check("(a > 3) & (b == 4)", "(& (> a 3) (== b 4))");
        check("!a == true", "(== (~ a) true)");
        check("a != b", "(!= a b)");
    }

    #[test]
    fn arithmetic_binds_as_in_python() {
        check("a + b * c - d", "(- (+ a (* b c)) d)");
        check("a / b // c % d", "(% (// (/ a b) c) d)");
        check("-a ** 2", "(- (** a 2))");
        check("2 ** -a ** b", "(** 2 (- (** a b)))");
        check("a * -b + - -c", "(+ (* a (- b)) (- (- c)))");
        check("+a - -1.5", "(- a -1.5)");
        check("a + b << 3 & c", "(& (<< (+ a b) 3) c)");
        check("a >> 2 >> (1)", "(>> (>> a 2) 1)");
        check("a + 1 > b & c", "(> (+ a 1) (& b c))");
        check("~a + b", "(+ (~ a) b)");
        check("(nir - red) / (nir + red) > 0.3", "(> (/ (- nir red) (+ nir red)) 0.3)");
        for wrong in ["a + not b == 1", "-not a", "a ** not b"] {
            let complaint = parse(wrong).map(|expression| expression.to_string()).unwrap_err();
            assert!(complaint.show(wrong).contains("put it in parentheses"), "{}", complaint.show(wrong));
        }
    }

    #[test]
    fn words_bind_as_in_python() {
        check("a > 1 and b < 2", "(and (> a 1) (< b 2))");
        check("a or b and not c", "(or a (and b (not c)))");
        check("not a == 1 or b", "(or (not (== a 1)) b)");
        check("not not a", "(not (not a))");
        check("nota and order", "(and nota order)");
    }

    #[test]
    fn literals_are_numbers_bools_and_lists() {
        check("a == -1", "(== a -1)");
        check("a == - -1.5e3", "(== a 1500)");
        check("a == 0xff", "(== a 255)");
        check("a == 10_000", "(== a 10000)");
        check("a == .5", "(== a 0.5)");
        check("a == 4.", "(== a 4)");
        check("a != -inf", "(!= a -inf)");
        check("a == nan", "(== a nan)");
        check("isin(a, [8, 9,])", "(isin a [8 9])");
        check("isin(a, [1, 4..7, -3 ..= 0x10])", "(isin a [1 4..7 -3..=16])");
        check("isin(a, [])", "(isin a [])");
        check("information", "information");
    }

    #[test]
    fn calls_nest_and_spaces_do_not_matter() {
        check("mask( visual,isin( scl ,[8,9] ) ,\n 0 )", "(mask visual (isin scl [8 9]) 0)");
        check("mask(mask, mask == 1, 0)", "(mask mask (== mask 1) 0)");
    }

    #[test]
    fn chained_comparisons_are_errors_with_a_hint() {
        check_error(
            "1 < a < 5",
            expect![[r#"
            column 7: comparisons cannot be chained: write (a < b) & (b < c)
              1 < a < 5
                    ^"#]],
        );
        check_error(
            "a == 8 | a == 9",
            expect![[r#"
            column 12: | binds tighter than ==, as in NumPy: put each comparison in parentheses, (a == 1) | (b == 2)
              a == 8 | a == 9
                         ^^"#]],
        );
        check("(a < 5) == true", "(== (< a 5) true)");
    }

    #[test]
    fn operators_that_are_missing_are_named() {
        check_error(
            "a << b",
            expect![[r#"
                column 6: pixels are shifted by a number of bits from 0 to 63, as in x << 3
                  a << b
                       ^"#]],
        );
        check_error(
            "a @ b",
            expect![[r#"
            column 3: there is no @
              a @ b
                ^"#]],
        );
        check_error(
            "a + -true",
            expect![[r#"
            column 6: true and false are no numbers
              a + -true
                   ^^^^"#]],
        );
        check_error(
            "a && b",
            expect![[r#"
            column 3: there is no &&: use & or and
              a && b
                ^^"#]],
        );
        check_error(
            "a = 3",
            expect![[r#"
            column 3: there is no =: use == to compare
              a = 3
                ^"#]],
        );
        check_error(
            "a & not b",
            expect![[r#"
            column 5: not binds looser than &: put it in parentheses, or use ~
              a & not b
                  ^^^^^"#]],
        );
    }

    #[test]
    fn broken_text_is_marked_where_it_breaks() {
        check_error(
            "mask(a, b > 1",
            expect![[r#"
            column 14: the expression ends too early: expected an operator, a comma, a closing bracket or the end
              mask(a, b > 1
                           ^"#]],
        );
        check_error(
            "a >",
            expect![[r#"
            column 4: the expression ends too early: expected a name, a number, a function or (
              a >
                 ^"#]],
        );
        check_error(
            "a $ b",
            expect![[r#"
            column 3: unexpected $: expected an operator, a comma, a closing bracket or the end
              a $ b
                ^"#]],
        );
        check_error(
            "",
            expect![[r#"
            column 1: the expression ends too early: expected a name, a number, a function or (
              
              ^"#]],
        );
        check_error(
            "a == 1e999",
            expect![[r#"
            column 6: this number is too large
              a == 1e999
                   ^^^^^"#]],
        );
    }

    #[test]
    fn functions_are_known_by_name_and_count_of_arguments() {
        check_error(
            "mask(a, isinn(b, [8]), 0)",
            expect![[r#"
            column 9: there is no function isinn; did you mean isin?
              mask(a, isinn(b, [8]), 0)
                      ^^^^^"#]],
        );
        check_error(
            "ndvi(a, b)",
            expect![[r#"
                column 1: there is no function ndvi; swath calc --help lists them
                  ndvi(a, b)
                  ^^^^"#]],
        );
        check_error(
            "isin(a)",
            expect![[r#"
            column 1: isin takes 2 arguments, not 1: isin(x, [values])
              isin(a)
              ^^^^^^^"#]],
        );
    }

    #[test]
    fn an_expression_that_would_exhaust_the_stack_is_an_error() {
        assert!(parse(&format!("{}a{}", "(".repeat(60), ")".repeat(60))).is_ok());
        assert!(parse(&"(".repeat(4000)).is_err());
        assert!(parse(&"[".repeat(4000)).is_err());
        assert!(parse(&format!("{}a", "!".repeat(256))).is_ok());
        assert!(parse(&format!("a{}", " & a".repeat(256))).is_ok());
        for many in ["!", "- ", "not ", "a & ", "a or ", "a == ", "a + ", "a ** "] {
            let complaint = parse(&format!("{}a", many.repeat(20_000))).unwrap_err();
            assert_eq!(complaint.message, "an expression has at most 256 operators", "{many}");
        }
    }
}
