//! Laws of polynomials and whole quotients.

use proptest::prelude::*;

use super::*;

fn polynomial() -> impl Strategy<Value = Polynomial> {
    let symbols = proptest::collection::vec("[abc]", 0..3);
    proptest::collection::vec((-5_i64..6, symbols), 0..4).prop_filter_map("small", |terms| {
        Polynomial::from_terms(
            terms.into_iter().map(|(n, symbols)| (n, symbols.iter().map(|symbol| symbol.as_str().into()).collect())),
        )
    })
}

/// Sizes of the symbols a, b and c.
fn value(polynomial: &Polynomial, sizes: [usize; 3]) -> Option<i64> {
    polynomial.evaluate(|symbol| Some(sizes[usize::from(symbol.as_bytes()[0] - b'a')]))
}

proptest! {
    #[test]
    fn arithmetic_is_that_of_the_values(x in polynomial(), y in polynomial(), sizes: [u8; 3]) {
        let sizes = sizes.map(usize::from);
        let (a, b) = (value(&x, sizes).unwrap(), value(&y, sizes).unwrap());
        prop_assert_eq!(value(&x.add(&y).unwrap(), sizes), Some(a + b));
        prop_assert_eq!(value(&x.sub(&y).unwrap(), sizes), Some(a - b));
        let product = x.mul(&y).unwrap();
        prop_assert_eq!(value(&product, sizes), Some(a * b));
        prop_assert_eq!(x.add(&y), y.add(&x));
        if let Some(quotient) = product.div(&y) {
            prop_assert_eq!(quotient.mul(&y), Some(product));
        }
    }

    #[test]
    fn quotients_are_those_of_the_values(
        x in polynomial(), y in polynomial(), divisors in (1_i64..7, 1_i64..7), more in -5_i64..6, sizes: [u8; 3],
    ) {
        let sizes = sizes.map(usize::from);
        let (first, second) = divisors;
        let quotient = x.floor_div(first).unwrap();
        let expected = value(&x, sizes).unwrap().div_euclid(first);
        prop_assert_eq!(value(&quotient, sizes), Some(expected));
        // The form is one, whatever multiples were added before.
        let multiple = y.mul(&Polynomial::constant(first)).unwrap();
        prop_assert_eq!(x.add(&multiple).unwrap().floor_div(first), quotient.add(&y));
        let again = quotient.add(&Polynomial::constant(more)).unwrap().floor_div(second);
        if let Some(again) = again {
            prop_assert_eq!(value(&again, sizes), Some((expected + more).div_euclid(second)));
        }
    }
}

#[test]
fn polynomials_are_written_and_taken_apart() {
    let [batch, seq] = ["batch", "seq"].map(|name| Polynomial::symbol(&name.into()));
    let four = Polynomial::constant(4);
    let sum = four.mul(&batch).and_then(|product| product.sub(&seq)).unwrap();
    assert_eq!(sum.to_string(), "-seq + 4*batch");
    assert_eq!(sum.sub(&sum).unwrap().as_constant(), Some(0));
    assert_eq!(four.mul(&batch).unwrap().div(&four).unwrap().as_symbol().unwrap().as_ref(), "batch");
    assert_eq!(batch.div(&four), None);
    let half = batch.sub(&Polynomial::constant(1)).and_then(|less| less.floor_div(2)).unwrap();
    assert_eq!(half.to_string(), "floor((batch + 1)/2) - 1");
    assert_eq!(half.floor_div(2).unwrap().to_string(), "floor((batch + 3)/4) - 1");
    assert_eq!(half.symbols(), ["batch"]);
    assert_eq!(half.mul(&half).and_then(|square| square.floor_div(3)), None);
    assert_eq!(batch.floor_div(0), None);
    let large = Polynomial::constant(i64::MAX);
    assert_eq!(large.add(&large), None);
}
