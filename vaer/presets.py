"""The sizes of the branches by name: what a preset fills in where the settings leave it open."""

from typing import Any

VIDEO_PRESETS: dict[str, dict[str, Any]] = {
    "tiny": dict(alpha=4, beta_inv=2, fusion_kernel=5, width=16, blocks=[1, 1, 1, 1],
                 slow_temporal_blocks=1, fast_temporal_blocks=1),
    "r50_4x16": dict(alpha=8, beta_inv=8, fusion_kernel=5, width=64, blocks=[3, 4, 6, 3],
                     slow_temporal_blocks=6, fast_temporal_blocks=6),
    "r50_8x8": dict(alpha=4, beta_inv=8, fusion_kernel=7, width=64, blocks=[3, 4, 6, 3],
                    slow_temporal_blocks=6, fast_temporal_blocks=6),
    "r101_50_50": dict(alpha=4, beta_inv=8, fusion_kernel=5, width=64, blocks=[3, 4, 23, 3],
                       slow_temporal_blocks=6, fast_temporal_blocks=6),
    "r101_50_101": dict(alpha=4, beta_inv=8, fusion_kernel=5, width=64, blocks=[3, 4, 23, 3],
                        slow_temporal_blocks=6, fast_temporal_blocks=23),
    "r101_101_101": dict(alpha=4, beta_inv=8, fusion_kernel=5, width=64, blocks=[3, 4, 23, 3],
                         slow_temporal_blocks=23, fast_temporal_blocks=23),
}

TIMM_USUAL: dict[str, Any] = dict(layers=2, dim=256, heads=4)
"""Of the attention over time behind an image network."""

AUDIO_PRESETS: dict[str, dict[str, Any]] = {
    "tiny": dict(extractor="filterbank", layers=2, dim=128, heads=4, normalize=True),
    "wav2vec2_base": dict(extractor="convolutions", layers=12, dim=768, heads=12, normalize=False),
    "hubert_base": dict(extractor="convolutions", layers=12, dim=768, heads=12, normalize=False),
    "wavlm_base": dict(extractor="convolutions", layers=12, dim=768, heads=12, normalize=False),
    "wav2vec2_large": dict(extractor="convolutions", layers=24, dim=1024, heads=16, normalize=False),
    "wav2vec2_large_lv60k": dict(extractor="convolutions", layers=24, dim=1024, heads=16, normalize=True),
    "wav2vec2_xlsr_300m": dict(extractor="convolutions", layers=24, dim=1024, heads=16, normalize=True),
    "wav2vec2_xlsr_1b": dict(extractor="convolutions", layers=48, dim=1280, heads=16, normalize=True),
    "wav2vec2_xlsr_2b": dict(extractor="convolutions", layers=48, dim=1920, heads=16, normalize=True),
    "hubert_large": dict(extractor="convolutions", layers=24, dim=1024, heads=16, normalize=True),
    "hubert_xlarge": dict(extractor="convolutions", layers=48, dim=1280, heads=16, normalize=True),
    "wavlm_large": dict(extractor="convolutions", layers=24, dim=1024, heads=16, normalize=True),
}
