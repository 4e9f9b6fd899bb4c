//! Dump.
fn main() {
    let dir = std::env::args().nth(1).unwrap();
    for (name, network) in fourfold_benches::networks::NETWORKS {
        let file = name.replace([' ', ','], "_");
        for n in [5000, 20000] {
            let graph = network(n).unwrap();
            std::fs::write(format!("{dir}/{file}.{n}.onnx"), fourfold::onnx::export(&graph).unwrap()).unwrap();
        }
    }
    for n in [25000, 100000] {
        let (_, network) =
            fourfold_benches::networks::NETWORKS.into_iter().find(|(name, _)| name.contains("output")).unwrap();
        std::fs::write(format!("{dir}/outputs.{n}.onnx"), fourfold::onnx::export(&network(n).unwrap()).unwrap())
            .unwrap();
    }
}
