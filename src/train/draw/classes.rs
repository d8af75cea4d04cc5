//! What the model of drawings knows: a label in plain words, and the names of its drawings in the sets.
//!
//! Of things that look alike in most sets only one is in: an apple but no tomato, a guitar but no violin,
//! a whale but no dolphin, a cat but no tiger.

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
    class("alien", &["alien"]),
    class("American football", &["american-football"]),
    class("anchor", &["anchor"]),
    class("apple", &["red-apple", "green-apple"]),
    class("aubergine", &["eggplant"]),
    class("avocado", &["avocado"]),
    class("backpack", &["backpack"]),
    class("balloon", &["balloon"]),
    class("banana", &["banana"]),
    class("basketball", &["basketball"]),
    class("bat", &["bat"]),
    class("bear", &["bear"]),
    class("bee", &["honeybee"]),
    class("beer", &["beer-mug", "clinking-beer-mugs"]),
    class("bell", &["bell"]),
    class("bicycle", &["bicycle"]),
    class("birthday cake", &["birthday-cake"]),
    class("bomb", &["bomb"]),
    class("book", &["open-book"]),
    class("bus", &["bus"]),
    class("butterfly", &["butterfly"]),
    class("cactus", &["cactus"]),
    class("camel", &["camel", "two-hump-camel"]),
    class("camera", &["camera", "camera-with-flash"]),
    class("candle", &["candle"]),
    class("car", &["automobile"]),
    class("carrot", &["carrot"]),
    class("cat", &["cat-face", "cat"]),
    class("cheese", &["cheese-wedge"]),
    class("cherries", &["cherries"]),
    class("chilli", &["hot-pepper"]),
    class("Christmas tree", &["christmas-tree"]),
    class("cloud", &["cloud"]),
    class("clown", &["clown-face"]),
    class("cocktail", &["cocktail-glass"]),
    class("cow", &["cow-face", "cow"]),
    class("crab", &["crab"]),
    class("crocodile", &["crocodile"]),
    class("croissant", &["croissant"]),
    class("crown", &["crown"]),
    class("cup", &["hot-beverage", "teacup-without-handle"]),
    class("dice", &["game-die"]),
    class("dog", &["dog-face", "dog"]),
    class("doughnut", &["doughnut"]),
    class("drum", &["drum"]),
    class("duck", &["duck"]),
    class("eight ball", &["pool-8-ball"]),
    class("elephant", &["elephant"]),
    class("envelope", &["envelope"]),
    class("eye", &["eye"]),
    class("Father Christmas", &["santa-claus"]),
    class("Ferris wheel", &["ferris-wheel"]),
    class("fire", &["fire"]),
    class("fish", &["fish", "tropical-fish"]),
    class("four-leaf clover", &["four-leaf-clover"]),
    class("fox", &["fox"]),
    class("French fries", &["french-fries"]),
    class("frog", &["frog"]),
    class("game controller", &["video-game"]),
    class("gear", &["gear"]),
    class("ghost", &["ghost"]),
    class("gift", &["wrapped-gift"]),
    class(
        "globe",
        &["globe-showing-europe-africa", "globe-showing-americas", "globe-showing-asia-australia"],
    ),
    class("graduation cap", &["graduation-cap"]),
    class("grapes", &["grapes"]),
    class("guitar", &["guitar"]),
    class("hamburger", &["hamburger"]),
    class("hammer", &["hammer"]),
    class("headphones", &["headphone"]),
    class("helicopter", &["helicopter"]),
    class("high-heeled shoe", &["high-heeled-shoe"]),
    class("horse", &["horse-face", "horse"]),
    class("hot dog", &["hot-dog"]),
    class("hourglass", &["hourglass-done", "hourglass-not-done"]),
    class("house", &["house", "house-with-garden"]),
    class("ice cream", &["soft-ice-cream"]),
    class("jack-o'-lantern", &["jack-o-lantern"]),
    class("jeans", &["jeans"]),
    class("key", &["key", "old-key"]),
    class("ladybird", &["lady-beetle"]),
    class("lemon", &["lemon"]),
    class("light bulb", &["light-bulb"]),
    class("lightning", &["high-voltage"]),
    class("lion", &["lion"]),
    class("magnifying glass", &["magnifying-glass-tilted-left", "magnifying-glass-tilted-right"]),
    class("maize", &["ear-of-corn"]),
    class("maple leaf", &["maple-leaf"]),
    class("megaphone", &["megaphone", "loudspeaker"]),
    class("microphone", &["microphone"]),
    class("microscope", &["microscope"]),
    class("mobile phone", &["mobile-phone"]),
    class("money bag", &["money-bag"]),
    class("monkey", &["monkey-face", "monkey"]),
    class("moon", &["crescent-moon"]),
    class("motorcycle", &["motorcycle"]),
    class("mushroom", &["mushroom"]),
    class("octopus", &["octopus"]),
    class("owl", &["owl"]),
    class("padlock", &["locked", "unlocked"]),
    class("palm tree", &["palm-tree"]),
    class("panda", &["panda"]),
    class("pencil", &["pencil"]),
    class("penguin", &["penguin"]),
    class("pig", &["pig-face", "pig"]),
    class("pineapple", &["pineapple"]),
    class("pizza", &["pizza"]),
    class("rabbit", &["rabbit-face", "rabbit"]),
    class("rainbow", &["rainbow"]),
    class("rocket", &["rocket"]),
    class("rooster", &["rooster"]),
    class("rose", &["rose"]),
    class("sailboat", &["sailboat"]),
    class("saxophone", &["saxophone"]),
    class("scissors", &["scissors"]),
    class("shark", &["shark"]),
    class("sheep", &["ewe", "ram"]),
    class("shoe", &["running-shoe"]),
    class("shopping trolley", &["shopping-cart"]),
    class("skull", &["skull"]),
    class("snail", &["snail"]),
    class("snake", &["snake"]),
    class("snowflake", &["snowflake"]),
    class("snowman", &["snowman", "snowman-without-snow"]),
    class("soccer ball", &["soccer-ball"]),
    class("spider", &["spider"]),
    class("star", &["star", "glowing-star"]),
    class("steam train", &["locomotive"]),
    class("strawberry", &["strawberry"]),
    class("sun", &["sun"]),
    class("sunflower", &["sunflower"]),
    class("sunglasses", &["sunglasses"]),
    class("T-shirt", &["t-shirt"]),
    class("telephone", &["telephone"]),
    class("television", &["television"]),
    class("thumbs up", &["thumbs-up"]),
    class("toilet", &["toilet"]),
    class("top hat", &["top-hat"]),
    class("tractor", &["tractor"]),
    class("traffic light", &["vertical-traffic-light", "horizontal-traffic-light"]),
    class("tree", &["deciduous-tree"]),
    class("trophy", &["trophy"]),
    class("tulip", &["tulip"]),
    class("turtle", &["turtle"]),
    class("umbrella", &["umbrella", "umbrella-with-rain-drops"]),
    class("volcano", &["volcano"]),
    class("watch", &["watch"]),
    class("watermelon", &["watermelon"]),
    class("whale", &["spouting-whale", "whale"]),
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
        assert!(labels.len() >= 150);
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
