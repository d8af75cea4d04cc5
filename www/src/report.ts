// What a lesson tells: under way, and at its end.

export interface Step {
  /** Steps done, and the most that there can be. */
  step: number;
  of: number;
  /** Of the pictures that are learnt from. */
  loss: number;
  /** Share of the held-out pictures that are named rightly, where any were held out. */
  accuracy?: number;
}

/** What a lesson is worth. */
export interface LessonReport {
  /** Share of the held-out pictures that were named rightly. */
  accuracy?: number;
  /** Pictures that nothing was learnt from. */
  heldOut: number;
  classes: { label: string; pictures: number; heldOut: number; right: number }[];
  /** Of the pictures that were learnt from, at the end. */
  loss: number;
  steps: number;
  /** What to do about it; `code` is `few`, `unbalanced`, `unmeasured` or `hardly-measured`. */
  warnings: { code: string; message: string }[];
}

/** A class and how many pictures show it. */
export interface Shown {
  label: string;
  pictures: number;
}

/** What is to be learnt: the features of pictures, one after the other, in the order of the classes. */
export interface Teaching {
  features: Float32Array;
  classes: Shown[];
  validation: number;
  title?: string;
}
