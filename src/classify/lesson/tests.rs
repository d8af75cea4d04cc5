use super::*;

/// Sums of some dozens of products in another order.
const TOLERANCE: f32 = 1e-5;

/// Numbers by formula, of which each class has its own mean.
fn features(classes: &[Shown], width: usize) -> Vec<f32> {
    let rows =
        classes.iter().enumerate().flat_map(|(class, shown)| (0..shown.pictures).map(move |at| (class, at)));
    rows.flat_map(|(class, at)| {
        (0..width).map(move |i| {
            let noise = ((class * 61 + at * 37 + i * 101) % 97) as f32 / 97.0;
            noise + if i % 3 == class { 0.8 } else { 0.0 }
        })
    })
    .collect()
}

fn shown(counts: &[usize]) -> Vec<Shown> {
    let class = |(at, &pictures)| Shown { label: format!("class {at}"), pictures };
    counts.iter().enumerate().map(class).collect()
}

fn taught(lesson: &mut Lesson) -> Step {
    loop {
        let step = lesson.step().unwrap();
        if step.done {
            return step;
        }
    }
}

#[test]
fn the_gradient_is_that_of_burns_autodiff() {
    let classes = shown(&[7, 4, 3]);
    let lesson = Lesson::new(&features(&classes, 11), &classes, 0.0).unwrap();
    let weights: Vec<f32> = (0..12 * 3).map(|at| (at * 29 % 17) as f32 / 8.0 - 1.0).collect();
    let device = Device::flex();
    let weights = |device: &Device| Tensor::<2>::from_data(TensorData::new(weights.clone(), [12, 3]), device);
    let (found, loss) = gradient(&lesson.learnt, &lesson.transposed, &weights(&device)).unwrap();
    let Batch { features, wanted, counts, .. } = lesson.learnt;
    let own = weights(&device.clone().autodiff()).require_grad();
    let likely = burn::tensor::activation::log_softmax(features.autodiff().matmul(own.clone()), 1);
    let entropy = -(likely * wanted.autodiff() * counts.autodiff()).sum();
    let whole = entropy.clone() + own.clone().powi_scalar(2).sum().mul_scalar(DECAY / 2.0);
    let expected = own.grad(&whole.backward()).unwrap();
    let close = |found: Vec<f32>, expected: Vec<f32>| {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= TOLERANCE, "{found} for {expected}");
        }
    };
    close(numbers(found).unwrap(), numbers(expected).unwrap());
    close(vec![loss], numbers(entropy.inner()).unwrap());
}

#[test]
fn a_lesson_comes_to_rest_and_its_loss_falls() {
    let classes = shown(&[20, 30, 25]);
    let mut lesson = Lesson::new(&features(&classes, 40), &classes, 0.2).unwrap();
    let first = lesson.step().unwrap();
    assert!((first.loss - 3f32.ln()).abs() < TOLERANCE, "nothing is known at first: {}", first.loss);
    let last = taught(&mut lesson);
    assert!(last.step < MOST_STEPS && last.loss < 0.2 * first.loss, "{last:?}");
    assert_eq!(last.accuracy, Some(1.0));
    let (gradient, _) = gradient(&lesson.learnt, &lesson.transposed, &lesson.weights).unwrap();
    let length = numbers(gradient.powi_scalar(2).sum()).unwrap()[0];
    assert!(length < 4.0 * STILL, "{length}");
}

#[test]
fn the_head_says_of_features_what_the_lesson_says_of_them_scaled() {
    let classes = shown(&[9, 6, 12]);
    let all = features(&classes, 10);
    let mut lesson = Lesson::new(&all, &classes, 0.0).unwrap();
    taught(&mut lesson);
    let expected = numbers(lesson.learnt.features.clone().matmul(lesson.weights.clone())).unwrap();
    let Taught { head, .. } = lesson.finish(None).unwrap();
    head.check(10).unwrap();
    assert!(head.check(11).unwrap_err().to_string().contains("11 features"));
    let found: Vec<f32> = all.chunks_exact(10).flat_map(|row| head.maps(row, 1)).collect();
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-3, "{found} for {expected}");
    }
}

#[test]
fn the_last_of_each_class_are_held_out_and_counted() {
    let classes = shown(&[10, 40, 4]);
    let mut all = features(&classes, 12);
    // The last two of the first class look like the second.
    let (first, second) = (8 * 12, 10 * 12);
    all.copy_within(second..second + 2 * 12, first);
    let mut lesson = Lesson::new(&all, &classes, 0.2).unwrap();
    taught(&mut lesson);
    let Taught { report, .. } = lesson.finish(None).unwrap();
    let counts: Vec<_> =
        report.classes.iter().map(|class| (class.pictures, class.held_out, class.right)).collect();
    assert_eq!(counts, [(10, 2, 0), (40, 8, 8), (4, 0, 0)]);
    assert_eq!(report.accuracy, Some(0.8));
    let codes: Vec<_> = report.warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(codes, ["few", "unbalanced", "unmeasured"]);
    assert!(report.warnings[0].message.contains("“class 2” (4)"));
}

#[test]
fn what_cannot_be_taught_is_refused_with_what_can() {
    let refused = |counts: &[usize], numbers: usize, validation: f32| {
        Lesson::new(&vec![0.5; numbers], &shown(counts), validation).unwrap_err().to_string()
    };
    assert!(refused(&[3], 9, 0.2).contains("1 classes are to be taught; show 2 to 20"));
    assert!(refused(&[1; 21], 21, 0.2).contains("show 2 to 20"));
    assert!(refused(&[2, 0], 4, 0.2).contains("no picture shows \"class 1\""));
    assert!(refused(&[2, 2], 5, 0.2).contains("not the features of 4 pictures"));
    assert!(refused(&[2, 2], 8, 0.6).contains("give 0 to 0.5"));
    assert!(refused(&[2, 2], 8, f32::NAN).contains("give 0 to 0.5"));
    assert!(refused(&[MOST_PICTURES, 1], 1, 0.2).contains("at most 10000"));
    let mut twice = shown(&[2, 2]);
    twice[1].label = twice[0].label.clone();
    assert!(Lesson::new(&[0.5; 8], &twice, 0.2).unwrap_err().to_string().contains("a name of its own"));
    twice[1].label = "  ".into();
    assert!(Lesson::new(&[0.5; 8], &twice, 0.2).unwrap_err().to_string().contains("1 to 100 characters"));
    assert!(Lesson::new(&[f32::NAN; 8], &shown(&[2, 2]), 0.2).unwrap_err().to_string().contains("NaN"));
}

#[test]
fn pictures_that_are_all_alike_teach_nothing_and_break_nothing() {
    let classes = shown(&[6, 6]);
    let mut lesson = Lesson::new(&[0.25; 12 * 5], &classes, 0.2).unwrap();
    let last = taught(&mut lesson);
    assert!((last.loss - 2f32.ln()).abs() < TOLERANCE);
    lesson.finish(None).unwrap().head.check(5).unwrap();
}
