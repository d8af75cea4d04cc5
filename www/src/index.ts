export { ImageClassifier } from './classifier.js';
export { listCameras, openCamera, type Camera, type CameraOptions } from './camera.js';
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
export { overlay, packFiles } from './later.js';
export type { OverlayOptions } from './overlay.js';
export type { Lesson, TeachClass, TeachOptions, TeachProgress } from './lesson.js';
export type { LessonReport, Step as TeachStep } from './report.js';
export { models, type Dtype, type ModelDescription, type RegistryModel } from './models.js';
export type { CachedModel } from './cache.js';
export {
  BACKENDS,
  PRECISIONS,
  type AdapterInfo,
  type Backend,
  type BackendChoice,
  type Classification,
  type ClassName,
  type ClassifierInfo,
  type ClassifyOptions,
  type CreateOptions,
  type DefaultOptions,
  type ExplainOptions,
  type Explanation,
  type InputOptions,
  type LabelSource,
  type LiveClassification,
  type ModelInfo,
  type ModelOrigin,
  type Precision,
  type Prediction,
  type Progress,
  type Speeds,
  type StreamOptions,
} from './options.js';
export type { VideoSource } from './screen.js';
export type { ImageSource, RawPixels } from './source.js';
export { similarity } from './similarity.js';
export { CROPS, type Crop, type Region, type ViewOptions } from './view.js';
