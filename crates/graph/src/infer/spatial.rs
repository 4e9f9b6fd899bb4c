//! Shapes of convolutions and poolings: `[batch, channels, spatial...]`.

use crate::{Conv, ConvTranspose, Dim, Limits, Polynomial, Problem, Value, Window};

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
        return Err(Problem::sizes(
            channels.fixed().is_none(),
            format!(
                "the input {x:?} has {channels} channels, the weight {weight:?} expects {groups} groups of {per_group}"
            ),
        ));
    }
    super::layers::expect_vector("bias", inputs.get(2), &Dim::Fixed(out))?;
    let spatial = window(&conv.window, x, limits)?;
    Ok([batch.clone(), Dim::Fixed(out)].into_iter().chain(spatial).collect())
}

/// `[n, c, s...]` and `[c, o / groups, k...]` give `[n, o, ...]`: `stride * (size - 1) + output_padding + extent -
/// padding`.
pub(super) fn conv_transpose(conv: &ConvTranspose, inputs: &[&Value], limits: &Limits) -> Result<Vec<Dim>, Problem> {
    let (x, weight) = (inputs[0].ty.dims(), inputs[1].ty.dims());
    let (rank, window) = (conv.window.rank(), &conv.window);
    check_window(window, x, limits)?;
    let sizes: Option<Vec<usize>> = weight.iter().map(Dim::fixed).collect();
    let Some(weight) = sizes.filter(|sizes| sizes.len() == rank + 2 && sizes[2..] == window.kernel) else {
        let kernel = &window.kernel;
        return Err(Problem::shape(format!("the weight {weight:?} does not end in the kernel {kernel:?}")));
    };
    let groups = conv.groups;
    if groups == 0 || !weight[0].is_multiple_of(groups) || x[1] != Dim::Fixed(weight[0]) {
        let reason = format!("the input {x:?} does not have the {} channels of {groups} groups", weight[0]);
        return Err(Problem::sizes(x[1].fixed().is_none(), reason));
    }
    let is_small = |axis: usize| conv.output_padding[axis] < window.stride[axis].max(window.dilation[axis]);
    if conv.output_padding.len() != rank || !(0..rank).all(is_small) {
        let (value, reason) = (format!("{:?}", conv.output_padding), "must be less than stride or dilation".to_owned());
        return Err(Problem::Attribute { name: "output_padding", value, reason });
    }
    let out = weight[1].checked_mul(groups).ok_or_else(|| Problem::shape("the weight has too many channels"))?;
    super::layers::expect_vector("bias", inputs.get(2), &Dim::Fixed(out))?;
    let size = |axis: usize| {
        let Some(size) = x[axis + 2].fixed() else {
            let computed = computed_transposed(conv, axis, &x[axis + 2]);
            return computed.ok_or_else(|| Problem::shape(format!("a size that follows from {x:?} is too large")));
        };
        let cut = window.pad_begin[axis].saturating_add(window.pad_end[axis]);
        let Some(steps) = size.checked_sub(1) else {
            let of_nothing = conv.output_padding[axis].saturating_add(window.extent(axis));
            return match of_nothing == window.stride[axis].saturating_add(cut) {
                true => Ok(Dim::Fixed(0)),
                false => Err(Problem::shape(format!("the spatial axis {} of {x:?} is empty", axis + 2))),
            };
        };
        let reach = window.stride[axis].saturating_mul(steps).saturating_add(conv.output_padding[axis]);
        let full = reach.saturating_add(window.extent(axis));
        match full.checked_sub(cut) {
            Some(left) if left > 0 => Ok(Dim::Fixed(left)),
            _ => Err(Problem::shape(format!("the padding {cut} cuts off all {full} elements of axis {}", axis + 2))),
        }
    };
    let spatial = (0..rank).map(size).collect::<Result<Vec<_>, _>>()?;
    Ok([x[0].clone(), Dim::Fixed(out)].into_iter().chain(spatial).collect())
}

/// `[n, c, s...]` gives `[n, c, ...]`.
pub(super) fn pool(pool: &Window, x: &[Dim], limits: &Limits) -> Result<Vec<Dim>, Problem> {
    let [batch, channels, ..] = x else {
        return Err(Problem::shape(format!("the input {x:?} is not [batch, channels, spatial...]")));
    };
    let spatial = window(pool, x, limits)?;
    for axis in 0..pool.rank() {
        let extent = pool.extent(axis);
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
            if spatial.iter().any(|dim| dim.fixed() == Some(0)) {
                return Err(Problem::shape(format!("the spatial axes of {x:?} must not be empty")));
            }
            Ok([batch.clone(), channels.clone()].into_iter().chain(spatial.iter().map(|_| Dim::Fixed(1))).collect())
        }
        _ => Err(Problem::shape(format!("the input {x:?} is not [batch, channels, spatial...]"))),
    }
}

/// The spatial sizes of the result: `(size + pad_begin + pad_end - extent) / stride + 1`, rounded down.
fn window(window: &Window, x: &[Dim], limits: &Limits) -> Result<Vec<Dim>, Problem> {
    check_window(window, x, limits)?;
    let size = |axis: usize| {
        let extent = window.extent(axis);
        let Some(size) = x[axis + 2].fixed() else { return computed_size(window, axis, x) };
        let padded = size.saturating_add(window.pad_begin[axis]).saturating_add(window.pad_end[axis]);
        // Nothing is made of nothing if the formula says 0, as it does for sizes that are known later.
        if size == 0 && extent > padded && extent - padded <= window.stride[axis] {
            return Ok(Dim::Fixed(0));
        }
        if size == 0 || extent > padded {
            let reason =
                format!("the window of {extent} is larger than the padded input of {padded} on axis {}", axis + 2);
            return Err(Problem::shape(reason));
        }
        Ok(Dim::Fixed((padded - extent) / window.stride[axis] + 1))
    };
    (0..window.rank()).map(size).collect()
}

/// The size of one axis of the result of a transposed convolution, for a size that follows from symbols.
fn computed_transposed(conv: &ConvTranspose, axis: usize, size: &Dim) -> Option<Dim> {
    let window = &conv.window;
    let number = |size: usize| i64::try_from(size).ok().map(Polynomial::constant);
    let reach = size.polynomial()?.sub(&Polynomial::constant(1))?.mul(&number(window.stride[axis])?)?;
    let full = reach.add(&number(conv.output_padding[axis])?)?.add(&number(window.extent(axis))?)?;
    Dim::computed(full.sub(&number(window.pad_begin[axis])?)?.sub(&number(window.pad_end[axis])?)?)
}

/// The same for a size that follows from symbols, which the runtime checks.
fn computed_size(window: &Window, axis: usize, x: &[Dim]) -> Result<Dim, Problem> {
    let number = |size: usize| i64::try_from(size).ok().map(Polynomial::constant);
    let computed = || {
        let begin = x[axis + 2].polynomial()?.add(&number(window.pad_begin[axis])?)?;
        let free = begin.add(&number(window.pad_end[axis])?)?.sub(&number(window.extent(axis))?)?;
        let steps = free.floor_div(i64::try_from(window.stride[axis]).ok()?)?;
        Dim::computed(steps.add(&Polynomial::constant(1))?)
    };
    let unknown = || {
        let (size, stride) = (&x[axis + 2], window.stride[axis]);
        let reason = format!("axis {} of {x:?}: {size} in steps of {stride} has no form", axis + 2);
        Problem::Open { reason }
    };
    computed().ok_or_else(unknown)
}

/// Checks the sizes of a window, and that it fits the axes of its operand.
fn check_window(window: &Window, x: &[Dim], limits: &Limits) -> Result<(), Problem> {
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
    Ok(())
}
