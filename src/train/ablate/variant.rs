//! What is tried, as a table, and the paper's claims about it.

/// What stands between the two convolutions of a separable one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// Nothing, as in the paper.
    Nothing,
    /// ReLU, which the paper tried there.
    Relu,
    /// ELU, which it tried too.
    Elu,
}

/// What stands where Xception has a separable convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Depthwise 3×3, then pointwise.
    Separable(Between),
    /// Plain 3×3.
    Plain,
    /// The paper's figure 2: a 1×1 convolution, then towers of 3×3 over a share of the channels each.
    Inception,
}

/// One network of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// What `--only` and the results call it.
    pub name: &'static str,
    /// What the report's table calls it.
    pub title: &'static str,
    /// What stands where Xception has separable convolutions.
    pub kind: Kind,
    /// Whether bridges lead around the blocks.
    pub residual: bool,
}

/// All of them; the first is the paper's own, to which the others are matched in size.
pub const VARIANTS: [Variant; 6] = [
    Variant {
        name: "separable",
        title: "separable, nothing between, residual (the paper's)",
        kind: Kind::Separable(Between::Nothing),
        residual: true,
    },
    Variant {
        name: "relu",
        title: "ReLU between depthwise and pointwise",
        kind: Kind::Separable(Between::Relu),
        residual: true,
    },
    Variant {
        name: "elu",
        title: "ELU between depthwise and pointwise",
        kind: Kind::Separable(Between::Elu),
        residual: true,
    },
    Variant {
        name: "no-residual",
        title: "no residual connections",
        kind: Kind::Separable(Between::Nothing),
        residual: false,
    },
    Variant { name: "plain", title: "plain 3×3 convolutions", kind: Kind::Plain, residual: true },
    Variant {
        name: "inception",
        title: "Inception-style modules, three towers",
        kind: Kind::Inception,
        residual: true,
    },
];

/// The network to which all others are matched and compared.
pub const REFERENCE: &Variant = &VARIANTS[0];

/// Something that the paper says of the reference and another network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// As a sentence of the report.
    pub text: &'static str,
    /// Name of the variant that should do worse than the reference.
    pub against: &'static str,
}

/// The paper's claims, each with the variant that goes against it.
pub const CLAIMS: [Claim; 5] = [
    Claim { text: "Nothing between depthwise and pointwise is better than ReLU there", against: "relu" },
    Claim { text: "Nothing between depthwise and pointwise is better than ELU there", against: "elu" },
    Claim { text: "Residual connections help", against: "no-residual" },
    Claim { text: "Separable convolutions are better than plain ones of equal size", against: "plain" },
    Claim {
        text: "Separable convolutions are better than Inception-style modules of equal size",
        against: "inception",
    },
];

/// The variant of that name.
pub fn find(name: &str) -> Option<&'static Variant> {
    VARIANTS.iter().find(|variant| variant.name == name)
}
