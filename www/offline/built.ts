// What the build knows and writes in here: see scripts/build.mjs.

/** Every file of this version of the site: its path, and the first half of its SHA-256 in base64url. */
declare const BUILT_FILES: Record<string, string>;
/** What is kept before anything else: the page without models and modules. */
declare const BUILT_SHELL: string[];
/** The model that is loaded where nothing else is asked for. */
declare const BUILT_MODEL: string;
declare const BUILT_POLICY: string;
declare const BUILT_COURIER: string;
declare const BUILT_COURIER_POLICY: string;
declare const BUILT_ISOLATION: Record<string, string>;

export const FILES = BUILT_FILES;
export const SHELL = BUILT_SHELL;
export const MODEL = BUILT_MODEL;
export const POLICY = BUILT_POLICY;
export const COURIER = BUILT_COURIER;
export const COURIER_POLICY = BUILT_COURIER_POLICY;
export const ISOLATION = BUILT_ISOLATION;
