//! Shapes of convolutions and poolings: `[batch, channels, spatial...]`.

use crate::{Conv, Dim, Limits, Problem, Value, Window};

/// `[n, c, s...]` and `[o, c / groups, k...]` give `[n, o, ...]`.
pub(super) fn conv(conv: &Conv, inputs: &[&Value], limits: &Limits) -> Result<Vec<Dim>, Problem> {
    let (x, weight) = (inputs[0].ty.dims(), inputs[1].ty.dims());
    let Some(weight) = weight.iter().map(Dim::fixed).collect::<Option<Vec<usize>>>() else {
        return Err(Problem::shape(format!("the weight {weight:?} has symbolic dimensions")));
    };
    let [batch, channels, ..] = x else {
        return Err(Problem::shape(format!("the input {x:?} is not [batch, channels, spatial...]")));
    };
    let rank = conv.window.rank();
    if weight.len() != rank + 2 || weight[2..] != conv.window.kernel {
        let kernel = &conv.window.kernel;
        return Err(Problem::shape(format!("the weight {weight:?} does not end in the kernel {kernel:?}")));
    }
    let (out, groups) = (weight[0], conv.groups);
    if groups == 0 || !out.is_multiple_of(groups) {
        let reason = format!("must be positive and divide the {out} output channels");
        return Err(Problem::Attribute { name: "groups", value: groups.to_string(), reason });
    }
    if weight[1].checked_mul(groups).map(Dim::Fixed).as_ref() != Some(channels) {
        let per_group = weight[1];
        return Err(Problem::shape(format!(
            "the input {x:?} has {channels} channels, the weight {weight:?} expects {groups} groups of {per_group}"
        )));
    }
    super::expect_vector("bias", inputs.get(2), &Dim::Fixed(out))?;
    let spatial = window(&conv.window, x, limits)?;
    Ok([batch.clone(), Dim::Fixed(out)].into_iter().chain(spatial).collect())
}

/// `[n, c, s...]` gives `[n, c, ...]`.
pub(super) fn pool(pool: &Window, x: &[Dim], limits: &Limits) -> Result<Vec<Dim>, Problem> {
    let [batch, channels, ..] = x else {
        return Err(Problem::shape(format!("the input {x:?} is not [batch, channels, spatial...]")));
    };
    let spatial = window(pool, x, limits)?;
    for axis in 0..pool.rank() {
        let extent = pool.dilation[axis].saturating_mul(pool.kernel[axis] - 1).saturating_add(1);
        if pool.pad_begin[axis] >= extent || pool.pad_end[axis] >= extent {
            let value = format!("{} and {}", pool.pad_begin[axis], pool.pad_end[axis]);
            let reason = format!("a window of {extent} would lie in the padding entirely");
            return Err(Problem::Attribute { name: "padding", value, reason });
        }
    }
    Ok([batch.clone(), channels.clone()].into_iter().chain(spatial).collect())
}

/// `[n, c, s...]` gives `[n, c, 1...]`.
pub(super) fn global(x: &[Dim]) -> Result<Vec<Dim>, Problem> {
    match x {
        [batch, channels, spatial @ ..] if !spatial.is_empty() && spatial.len() <= 3 => {
            if spatial.iter().any(|dim| dim.fixed().is_none_or(|size| size == 0)) {
                return Err(Problem::shape(format!("the spatial axes of {x:?} must be known and not empty")));
            }
            Ok([batch.clone(), channels.clone()].into_iter().chain(spatial.iter().map(|_| Dim::Fixed(1))).collect())
        }
        _ => Err(Problem::shape(format!("the input {x:?} is not [batch, channels, spatial...]"))),
    }
}

/// The spatial sizes of the result: `(size + pad_begin + pad_end - extent) / stride + 1`, rounded down.
fn window(window: &Window, x: &[Dim], limits: &Limits) -> Result<Vec<Dim>, Problem> {
    let rank = window.rank();
    let lists = [
        ("kernel", &window.kernel, 1),
        ("stride", &window.stride, 1),
        ("dilation", &window.dilation, 1),
        ("pad_begin", &window.pad_begin, 0),
        ("pad_end", &window.pad_end, 0),
    ];
    for (name, list, least) in lists {
        if list.len() != rank || list.iter().any(|&size| size < least) {
            let reason = format!("expected {rank} numbers of at least {least}");
            return Err(Problem::Attribute { name, value: format!("{list:?}"), reason });
        }
        list.iter().try_for_each(|&size| Limits::check("window", size as u64, limits.window))?;
    }
    if !(1..=3).contains(&rank) || x.len() != rank + 2 {
        return Err(Problem::shape(format!(
            "the input {x:?} does not have {rank} spatial axes (1 to 3 are supported)"
        )));
    }
    let size = |axis: usize| {
        let Some(size) = x[axis + 2].fixed() else {
            return Err(Problem::shape(format!("the spatial axis {} of {x:?} is symbolic; fix its size", axis + 2)));
        };
        let extent = window.dilation[axis].saturating_mul(window.kernel[axis] - 1).saturating_add(1);
        let padded = size.saturating_add(window.pad_begin[axis]).saturating_add(window.pad_end[axis]);
        if size == 0 || extent > padded {
            let reason =
                format!("the window of {extent} is larger than the padded input of {padded} on axis {}", axis + 2);
            return Err(Problem::shape(reason));
        }
        Ok(Dim::Fixed((padded - extent) / window.stride[axis] + 1))
    };
    (0..rank).map(size).collect()
}
