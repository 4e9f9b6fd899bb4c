//! Exact int8 GEMM, convolution and element loops; the fastest backend is chosen at run time.
