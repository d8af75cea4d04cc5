//! A model's configuration, as Keras 2 and Keras 3 write it in JSON: the layers of all nested models as one graph.
//!
//! Says which layer takes what from which, and nothing of what a layer does.

use std::collections::HashMap;

use serde_json::Value;

use crate::error::{Error, Result, short};

/// Longest configuration that is read, in bytes: seven times what Keras 3 writes of the paper's network.
pub(in crate::weights) const MAX_CONFIG: usize = 1 << 20;
/// Most layers, seven times those of the paper's network; and how deep models may be nested.
const MAX_LAYERS: usize = 1000;
const MAX_DEPTH: usize = 8;

/// What a layer is given.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Input {
    /// The answer of the layer of this index.
    Layer(usize),
    /// A number that stands in the configuration.
    Number(f64),
}

/// One layer.
#[derive(Debug)]
pub(super) struct Node {
    pub name: String,
    /// Its class in Keras; [`PASS`] is none.
    pub class: String,
    pub config: Value,
    pub inputs: Vec<Input>,
    /// Where Keras 3 keeps its tensors: `layers/functional/layers/conv2d_1`.
    pub path: String,
    /// The outermost layer that it is part of, under whose name the legacy format keeps its tensors.
    pub outermost: String,
}

/// The class of what stands for a nested model: it passes on what it is given.
pub(super) const PASS: &str = "a nested model";

/// The class of the layer that a model's input comes in by.
pub(super) const INPUT: &str = "InputLayer";

/// All layers of a model and those that it nests.
#[derive(Debug)]
pub(super) struct Graph {
    pub nodes: Vec<Node>,
    /// Whose answer is the model's.
    pub output: usize,
}

/// The error of a configuration that is none.
fn damaged(why: impl std::fmt::Display) -> Error {
    Error::Format(format!(
        "the model's configuration {}; save the model again with Keras's model.save, or give its weights alone",
        short(why)
    ))
}

impl Graph {
    pub fn parse(json: &str) -> Result<Self> {
        if json.len() > MAX_CONFIG {
            return Err(damaged(format!("has {} bytes, and at most {MAX_CONFIG} are read", json.len())));
        }
        // The library refuses what is nested deeper than 128 levels.
        let model: Value =
            serde_json::from_str(json).map_err(|error| damaged(format!("cannot be read ({error})")))?;
        let mut graph = Self { nodes: Vec::new(), output: 0 };
        let top = Scope { path: String::new(), outermost: None, depth: 0 };
        graph.output = graph.model(&model, &top, None)?;
        Ok(graph)
    }

    /// Adds the layers of a model, and gives the one whose answer is the model's. A nested one is `given` the
    /// answer of a layer around it.
    fn model(&mut self, model: &Value, scope: &Scope, given: Option<&Input>) -> Result<usize> {
        if scope.depth > MAX_DEPTH {
            return Err(damaged(format!("nests models deeper than {MAX_DEPTH}")));
        }
        let class = text(model, "class_name").unwrap_or_default();
        let config = &model["config"];
        let sequential = match class {
            "Sequential" => true,
            "Functional" | "Model" => false,
            "" => return Err(damaged("is of no class of models")),
            other => {
                return Err(Error::Architecture(format!(
                    "the model is of the class {}, whose graph only its own Python code knows; Functional and Sequential models are read, and of others the weights alone (save_weights)",
                    short(other)
                )));
            }
        };
        // Keras before 2.3 writes a sequential model as a bare list.
        let Some(layers) = config["layers"].as_array().or(config.as_array()) else {
            return Err(damaged("lists no layers"));
        };
        let mut names = HashMap::new();
        let mut counts: HashMap<String, usize> = HashMap::new();
        // Each layer's own node, its inputs still to be found by name.
        let mut added: Vec<(usize, &Value)> = Vec::new();
        for layer in layers {
            let name = text(&layer["config"], "name").or(text(layer, "name")).unwrap_or_default();
            let class = text(layer, "class_name").unwrap_or_default();
            let counted = snake_case(class);
            let count = counts.entry(counted.clone()).and_modify(|count| *count += 1).or_insert(0);
            let group = if *count == 0 { counted } else { format!("{counted}_{count}") };
            let node = Node {
                name: name.to_owned(),
                class: class.to_owned(),
                config: layer["config"].clone(),
                inputs: Vec::new(),
                path: format!("{}layers/{group}", scope.path),
                outermost: scope.outermost.clone().unwrap_or_else(|| name.to_owned()),
            };
            let at = self.add(node)?;
            if names.insert(name, at).is_some() {
                return Err(damaged(format!("names two layers {name}")));
            }
            added.push((at, layer));
        }
        let mut before = match given {
            // An old sequential model has no layer for its input: the first layer says its shape.
            None if sequential && !layers.iter().any(|layer| layer["class_name"] == INPUT) => {
                Some(Input::Layer(self.add(Node {
                    name: INPUT.into(),
                    class: INPUT.into(),
                    config: layers.first().map_or(Value::Null, |layer| layer["config"].clone()),
                    inputs: Vec::new(),
                    path: String::new(),
                    outermost: String::new(),
                })?))
            }
            _ => given.cloned(),
        };
        for (at, layer) in &added {
            self.nodes[*at].inputs = if self.nodes[*at].class == INPUT {
                given.cloned().into_iter().collect()
            } else if sequential {
                before.into_iter().collect()
            } else {
                inbound(layer, &names)?
            };
            before = Some(Input::Layer(*at));
            if matches!(&*self.nodes[*at].class, "Functional" | "Model" | "Sequential") {
                self.nested(*at, layer, scope)?;
            }
        }
        if sequential {
            return added.last().map(|(at, _)| *at).ok_or_else(|| damaged("lists no layers"));
        }
        match references(&config["output_layers"], &names)?[..] {
            [Input::Layer(output)] => Ok(output),
            _ => Err(Error::Architecture(
                "the model has more than one output, or none; models of one classifier are read".into(),
            )),
        }
    }

    /// Adds what the layer at `at` nests, and lets it stand for the answer.
    fn nested(&mut self, at: usize, model: &Value, scope: &Scope) -> Result<()> {
        let node = &mut self.nodes[at];
        node.class = PASS.into();
        let given = node.inputs.pop();
        let inner = Scope {
            path: format!("{}/", node.path),
            outermost: Some(node.outermost.clone()),
            depth: scope.depth + 1,
        };
        let output = self.model(model, &inner, given.as_ref())?;
        self.nodes[at].inputs = vec![Input::Layer(output)];
        // Nobody asks for it again.
        self.nodes[at].config = Value::Null;
        Ok(())
    }

    fn add(&mut self, node: Node) -> Result<usize> {
        if self.nodes.len() == MAX_LAYERS {
            return Err(damaged(format!("lists more than {MAX_LAYERS} layers")));
        }
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }
}

/// Where a model is nested.
struct Scope {
    path: String,
    outermost: Option<String>,
    depth: usize,
}

/// A text under a key.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value[key].as_str()
}

/// What a layer of a functional model is given.
fn inbound(layer: &Value, names: &HashMap<&str, usize>) -> Result<Vec<Input>> {
    let calls = layer["inbound_nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    // An operation of Keras 2 has one reference where a layer has a list of them.
    let is_call = |call: &Value| call.is_object() || call[0].is_array() || call[0].is_string();
    // Of dropout and augmentation chance would be in the answer, of batch norms the other pictures.
    if calls.iter().any(is_as_in_training) {
        return Err(Error::Architecture(format!(
            "the layer {} is called with training=True, which gives other answers than a trained model does; make the model with training=False, as Keras's guide to transfer learning does, and save it again",
            short(text(layer, "name").unwrap_or_default())
        )));
    }
    match calls {
        [] => Ok(Vec::new()),
        [call] if is_call(call) => references(call, names),
        _ => Err(Error::Architecture(format!(
            "the layer {} is used {} times; layers used once are read",
            short(text(layer, "name").unwrap_or_default()),
            calls.len()
        ))),
    }
}

/// Whether a call of Keras 2 says `training=True`, which it does at inference, too. Keras 3 writes that of augmentation by
/// itself, and heeds whoever asks the model.
fn is_as_in_training(call: &Value) -> bool {
    let says = |reference: &Value| reference[3]["training"] == true;
    says(call) || call.as_array().is_some_and(|references| references.iter().any(says))
}

/// Every reference to a layer and every number in the arguments of a call, in order.
fn references(call: &Value, names: &HashMap<&str, usize>) -> Result<Vec<Input>> {
    let mut found = Vec::new();
    collect(call, names, &mut found)?;
    Ok(found)
}

fn collect(value: &Value, names: &HashMap<&str, usize>, found: &mut Vec<Input>) -> Result<()> {
    let layer = |name: &str| match names.get(name) {
        Some(&at) => Ok(Input::Layer(at)),
        None => Err(damaged(format!("refers to the layer {name}, which it does not list"))),
    };
    match value {
        Value::Number(number) => found.extend(number.as_f64().map(Input::Number)),
        // Keras 3: a tensor says whose answer it is; a call has arguments by place and by name.
        Value::Object(fields) if fields.contains_key("class_name") => {
            match value["config"]["keras_history"][0].as_str() {
                Some(name) => found.push(layer(name)?),
                None => return Err(damaged("gives a layer something that is no tensor")),
            }
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                // Of what goes by name only tensors and the operand of an operation matter.
                let operand = matches!(key.as_str(), "args" | "kwargs" | "x" | "y" | "x1" | "x2" | "inputs");
                if operand {
                    collect(value, names, found)?;
                }
            }
        }
        Value::Array(list) => match (list.first().and_then(Value::as_str), list.get(1)) {
            // Keras 2: [name, call, output, named arguments].
            (Some("_CONSTANT_VALUE"), Some(_)) => {
                found.extend(list[2..].first().and_then(Value::as_f64).map(Input::Number))
            }
            (Some(name), Some(Value::Number(_))) => {
                found.push(layer(name)?);
                if let Some(named) = list.get(3) {
                    collect(named, names, found)?;
                }
            }
            _ => list.iter().try_for_each(|value| collect(value, names, found))?,
        },
        _ => {}
    }
    Ok(())
}

/// Keras's `to_snake_case`, by which it names the groups of a weights file.
fn snake_case(class: &str) -> String {
    let mut name = String::new();
    let chars: Vec<char> = class.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        let next_is_small = chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
        let starts = c.is_ascii_uppercase()
            && before.is_some_and(|before| next_is_small || before.is_ascii_lowercase());
        if starts {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_as_in_training_is_told_from_others() {
        let keras2 = |training: bool| serde_json::json!([["x", 0, 0, {"training": training}]]);
        assert!(is_as_in_training(&keras2(true)) && is_as_in_training(&keras2(true)[0]));
        assert!(!is_as_in_training(&keras2(false)));
        let keras3 = serde_json::json!({"args": [], "kwargs": {"training": true}});
        assert!(!is_as_in_training(&keras3));
    }

    #[test]
    fn groups_are_named_as_keras_names_them() {
        // Of `keras.src.utils.naming.to_snake_case`.
        for (class, group) in [
            ("Conv2D", "conv2d"),
            ("SeparableConv2D", "separable_conv2d"),
            ("BatchNormalization", "batch_normalization"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("ReLU", "re_lu"),
            ("MaxPooling2D", "max_pooling2d"),
            ("TFOpLambda", "tf_op_lambda"),
            ("TrueDivide", "true_divide"),
        ] {
            assert_eq!(snake_case(class), group);
        }
    }
}
