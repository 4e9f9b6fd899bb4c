//! Sizes and inputs that the command line fixes: `--dim`, `--shape` and `--set`.

use fourfold::graph::Fixed;

use crate::failure::Failure;

/// What the three flags say together.
pub(crate) fn fixed(dims: &[String], shapes: &[String], values: &[String]) -> Result<Fixed, Failure> {
    let mut fixed = Fixed::new();
    for (name, size) in named("--dim", "NAME=SIZE", dims)? {
        let size = size.parse().map_err(|_| {
            Failure::usage(format_args!("--dim {name}={size}: the size is not a whole number; write --dim {name}=1"))
        })?;
        fixed = fixed.dim(name, size);
    }
    for (name, sizes) in named("--shape", "INPUT=1x3x224x224", shapes)? {
        let parsed = sizes.split('x').filter(|_| !sizes.is_empty()).map(str::parse);
        let parsed: Vec<usize> = parsed.collect::<Result<_, _>>().map_err(|_| {
            let example = "write the sizes with an x between them, as in 1x3x224x224";
            Failure::usage(format_args!("--shape {name}={sizes}: {example}"))
        })?;
        fixed = fixed.shape(name, &parsed);
    }
    for (name, numbers) in named("--set", "INPUT=VALUE", values)? {
        fixed = fixed.numbers(name, numbers);
    }
    Ok(fixed)
}

/// Names and what stands behind their `=`, each name once. Names may hold a `=`, what is behind the last one does not.
fn named<'a>(flag: &str, form: &str, given: &'a [String]) -> Result<Vec<(&'a str, &'a str)>, Failure> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for text in given {
        let pair = text.rsplit_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) = pair.ok_or_else(|| Failure::usage(format_args!("{flag} {text}: expected {form}")))?;
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(Failure::usage(format_args!("{flag} {text}: `{name}` is given twice; leave one out")));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}
