export { ImageClassifier } from './classifier.js';
export { openCamera, type CameraOptions } from './camera.js';
export {
  BackendError,
  CameraError,
  DisposedError,
  DownloadError,
  ModelError,
  OptionError,
  PictureError,
  WorkerError,
  XceptionError,
} from './errors.js';
export {
  similarity,
  type Lesson,
  type TeachClass,
  type TeachOptions,
  type TeachProgress,
} from './lesson.js';
export type { LessonReport } from './report.js';
export { models, type RegistryModel } from './models.js';
export type { CachedModel } from './cache.js';
export { packFiles } from './shards.js';
export {
  BACKENDS,
  type AdapterInfo,
  type Backend,
  type BackendChoice,
  type Classification,
  type ClassName,
  type ClassifierInfo,
  type ClassifyOptions,
  type CreateOptions,
  type ExplainOptions,
  type Explanation,
  type LabelSource,
  type ModelInfo,
  type ModelOrigin,
  type Prediction,
  type Progress,
  type Speeds,
} from './options.js';
export type { ImageSource } from './source.js';
