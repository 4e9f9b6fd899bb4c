//! What the rules of a mapping match in a graph.

use fourfold_graph::{Graph, Node};

use super::{QConfigMapping, rule};

impl QConfigMapping {
    /// The expressions that [`QConfigMapping::exclude`] was given, each with the names of the nodes in which it has a
    /// match.
    #[must_use]
    pub fn excluded<'g>(&self, graph: &'g Graph) -> Vec<(String, Vec<&'g str>)> {
        let names = |pattern: &rule::Regex| {
            let names = graph.nodes().iter().map(Node::name).filter(|name| pattern.is_in(name));
            (pattern.to_string(), names.collect())
        };
        self.exclude.iter().map(names).collect()
    }

    /// The rules, other than [`QConfigMapping::exclude`], that match no node of a graph; each as the name of its level
    /// in a file and what it looks for.
    #[must_use]
    pub fn unmatched(&self, graph: &Graph) -> Vec<String> {
        let none = |is_matched: &dyn Fn(&Node) -> bool| !graph.nodes().iter().any(is_matched);
        let types = self.object_type.iter().filter(|rule| none(&|node| node.op().kind() == rule.operator));
        let regexes = self.module_name_regex.iter().filter(|rule| none(&|node| rule.pattern.begins(node.name())));
        let names = self.module_name.iter().filter(|rule| none(&|node| rule::is_inside(node.name(), &rule.name)));
        let orders = self.module_name_object_type_order.iter();
        let orders = orders.filter(|rule| graph.nodes().iter().filter(|node| rule.counts(node)).count() <= rule.order);
        let types = types.map(|rule| format!("object_type `{}`", rule.operator));
        let regexes = regexes.map(|rule| format!("module_name_regex `{}`", rule.pattern));
        let names = names.map(|rule| format!("module_name `{}`", rule.name));
        let orders = orders.map(|rule| {
            format!("module_name_object_type_order `{}`, {} number {}", rule.name, rule.operator, rule.order)
        });
        types.chain(regexes).chain(names).chain(orders).collect()
    }
}
