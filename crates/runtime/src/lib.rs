//! Compiles a graph into a plan for this CPU and runs it.
