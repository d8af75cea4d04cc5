//! A picture's launches, recorded once: buffers, bind groups and parameters are then the same for every later picture,
//! and only pixels are sent.

use std::fmt;
use std::sync::Mutex;

use burn::backend::TensorMetadata;
use burn::tensor::{Bytes, Device, StreamId, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::client::Graph;

use super::super::layers::tensor;
use super::read::numbers;
use crate::error::Result;
use crate::model::Planes;

/// How far the recording of a network's launches has come, for pictures of one shape and calls of one thread: the queue
/// of a GPU orders those of each thread only.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Option<Recorded>>);

/// Whose launches they are: pictures of one shape, calls of one thread.
type Key = ([usize; 4], StreamId);

#[allow(clippy::large_enum_variant, reason = "one per network")]
enum Recorded {
    /// One picture was computed: shaders are compiled. Most networks meet no second.
    Met(Key),
    /// Cannot be recorded.
    Refused,
    /// Can be run again.
    Ready { key: Key, input: Tensor<4>, output: Tensor<4>, graph: Graph },
}

/// What is to be done with pictures.
enum Turn {
    /// Launch the network on them.
    Launch(Tensor<4>),
    /// The same, and then [`Recorder::record`].
    Record(Tensor<4>),
    /// It is launched; this will hold the logits.
    Launched(Tensor<4>),
}

impl Clone for Recorder {
    /// Copies record for themselves.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

fn cube(tensor: &Tensor<4>) -> Option<CubeTensor> {
    tensor.clone().try_into_primitive::<CubeBackend>().ok()
}

impl Recorder {
    /// The logits of pictures, for which `run` launches the network.
    pub async fn logits(
        &self,
        pictures: Planes,
        device: &Device,
        run: impl Fn(Tensor<4>) -> Tensor<4>,
    ) -> Result<Vec<f32>> {
        match self.turn(pictures, device) {
            Turn::Launched(logits) => numbers(logits).await,
            Turn::Launch(x) => numbers(run(x)).await,
            Turn::Record(x) => {
                let logits = numbers(run(x.clone())).await;
                self.record(x, run);
                logits
            }
        }
    }

    /// Runs what is recorded for pictures of this shape, or says what to do with them.
    fn turn(&self, pictures: Planes, device: &Device) -> Turn {
        let Planes { values: pictures, shape } = pictures;
        let key = (shape, StreamId::current());
        let Ok(mut recorded) = self.0.lock() else { return Turn::Launch(tensor(pictures, shape, device)) };
        if let Some(Recorded::Ready { key: known, input, output, graph }) = &*recorded
            && *known == key
            && let Some(given) = cube(input)
        {
            given.client.write(&given.handle, Bytes::from_elems(pictures));
            // SAFETY: the input and the output live here, the weights as long as the network that this belongs to, and
            // the graph keeps the memory of all between from others. The pictures are written, the launches run and
            // the logits are read in one thread, whose stream orders them.
            if unsafe { graph.replay() }.is_ok() {
                return Turn::Launched(output.clone());
            }
            let input = input.clone();
            *recorded = Some(Recorded::Refused);
            return Turn::Launch(input);
        }
        let x = tensor(pictures, shape, device);
        match *recorded {
            Some(Recorded::Refused) => Turn::Launch(x),
            // From here on memory is kept for the recording.
            Some(Recorded::Met(known)) if known == key => match cube(&x).map(|x| x.client.graph_prepare()) {
                Some(Ok(())) => Turn::Record(x),
                _ => {
                    *recorded = Some(Recorded::Refused);
                    Turn::Launch(x)
                }
            },
            _ => {
                *recorded = Some(Recorded::Met(key));
                Turn::Launch(x)
            }
        }
    }

    /// Records what `run` launches for `x`, which it has just launched for the last time, and whose answer was read.
    fn record(&self, x: Tensor<4>, run: impl FnOnce(Tensor<4>) -> Tensor<4>) {
        let Some(input) = cube(&x) else { return };
        let key = (input.shape().dims(), StreamId::current());
        let found = input.client.start_capture().ok().and_then(|()| {
            let output = run(x.clone());
            let graph = input.client.stop_capture().ok()?;
            Some(Recorded::Ready { key, input: x, output, graph })
        });
        if let Ok(mut recorded) = self.0.lock() {
            *recorded = Some(found.unwrap_or(Recorded::Refused));
        }
    }
}
