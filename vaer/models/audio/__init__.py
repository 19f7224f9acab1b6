from vaer.models.audio.hf_encoder import TransformersEncoder
from vaer.models.audio.wav2vec import Wav2Vec

AUDIO_BRANCHES = {"wav2vec": Wav2Vec, "transformers": TransformersEncoder}
