//! What the bundled model knows: a label in plain words, and the names of its drawings in the sets.
//!
//! Things that look alike in most sets (tomato and apple, violin and guitar) are left out on purpose.

/// One class and its drawings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// What the model answers.
    pub label: &'static str,
    /// Names that every set has; the first is the one that is measured, the others only widen training.
    pub icons: &'static [&'static str],
}

const fn class(label: &'static str, icons: &'static [&'static str]) -> Class {
    Class { label, icons }
}

/// All classes, in the order of the logits: sorted by label, ignoring case.
pub const CLASSES: &[Class] = &[
    class("airplane", &["airplane", "small-airplane"]),
    class("alarm clock", &["alarm-clock"]),
    class("anchor", &["anchor"]),
    class("apple", &["red-apple", "green-apple"]),
    class("aubergine", &["eggplant"]),
    class("avocado", &["avocado"]),
    class("banana", &["banana"]),
    class("bat", &["bat"]),
    class("bear", &["bear"]),
    class("bee", &["honeybee"]),
    class("bell", &["bell"]),
    class("bicycle", &["bicycle"]),
    class("birthday cake", &["birthday-cake"]),
    class("bus", &["bus"]),
    class("butterfly", &["butterfly"]),
    class("cactus", &["cactus"]),
    class("camera", &["camera", "camera-with-flash"]),
    class("candle", &["candle"]),
    class("car", &["automobile"]),
    class("carrot", &["carrot"]),
    class("cat", &["cat-face", "cat"]),
    class("cheese", &["cheese-wedge"]),
    class("cherries", &["cherries"]),
    class("Christmas tree", &["christmas-tree"]),
    class("cow", &["cow-face", "cow"]),
    class("crab", &["crab"]),
    class("crocodile", &["crocodile"]),
    class("crown", &["crown"]),
    class("cup", &["hot-beverage", "teacup-without-handle"]),
    class("dice", &["game-die"]),
    class("dog", &["dog-face", "dog"]),
    class("doughnut", &["doughnut"]),
    class("duck", &["duck"]),
    class("elephant", &["elephant"]),
    class("envelope", &["envelope"]),
    class("fish", &["fish", "tropical-fish"]),
    class("French fries", &["french-fries"]),
    class("frog", &["frog"]),
    class("ghost", &["ghost"]),
    class("grapes", &["grapes"]),
    class("guitar", &["guitar"]),
    class("hamburger", &["hamburger"]),
    class("hammer", &["hammer"]),
    class("helicopter", &["helicopter"]),
    class("horse", &["horse-face", "horse"]),
    class("hot dog", &["hot-dog"]),
    class("house", &["house", "house-with-garden"]),
    class("ice cream", &["soft-ice-cream"]),
    class("key", &["key", "old-key"]),
    class("ladybird", &["lady-beetle"]),
    class("lemon", &["lemon"]),
    class("light bulb", &["light-bulb"]),
    class("lion", &["lion"]),
    class("microphone", &["microphone"]),
    class("microscope", &["microscope"]),
    class("moon", &["crescent-moon"]),
    class("mushroom", &["mushroom"]),
    class("octopus", &["octopus"]),
    class("owl", &["owl"]),
    class("palm tree", &["palm-tree"]),
    class("panda", &["panda"]),
    class("pear", &["pear"]),
    class("pencil", &["pencil"]),
    class("penguin", &["penguin"]),
    class("pig", &["pig-face", "pig"]),
    class("pineapple", &["pineapple"]),
    class("pizza", &["pizza"]),
    class("rabbit", &["rabbit-face", "rabbit"]),
    class("rainbow", &["rainbow"]),
    class("ring", &["ring"]),
    class("rocket", &["rocket"]),
    class("rooster", &["rooster"]),
    class("sailboat", &["sailboat"]),
    class("scissors", &["scissors"]),
    class("scorpion", &["scorpion"]),
    class("shark", &["shark"]),
    class("shoe", &["running-shoe"]),
    class("snail", &["snail"]),
    class("snake", &["snake"]),
    class("snowman", &["snowman", "snowman-without-snow"]),
    class("soccer ball", &["soccer-ball"]),
    class("spider", &["spider"]),
    class("strawberry", &["strawberry"]),
    class("sun", &["sun"]),
    class("sunflower", &["sunflower"]),
    class("sunglasses", &["sunglasses"]),
    class("T-shirt", &["t-shirt"]),
    class("telephone", &["telephone"]),
    class("television", &["television"]),
    class("tiger", &["tiger-face", "tiger"]),
    class("toilet", &["toilet"]),
    class("tractor", &["tractor"]),
    class("tree", &["deciduous-tree"]),
    class("trophy", &["trophy"]),
    class("turtle", &["turtle"]),
    class("umbrella", &["umbrella", "umbrella-with-rain-drops"]),
    class("watch", &["watch"]),
    class("watermelon", &["watermelon"]),
    class("whale", &["spouting-whale", "whale"]),
    class("wine glass", &["wine-glass"]),
];

/// The labels in the order of the logits.
pub fn labels() -> Vec<String> {
    CLASSES.iter().map(|class| class.label.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_and_unique() {
        let labels: Vec<_> = CLASSES.iter().map(|class| class.label.to_lowercase()).collect();
        assert!(labels.is_sorted_by(|a, b| a < b));
        assert!(labels.len() >= 60);
    }

    #[test]
    fn no_drawing_belongs_to_two_classes() {
        let mut names: Vec<_> = CLASSES.iter().flat_map(|class| class.icons).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
