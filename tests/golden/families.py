"""The tiny models' shapes: one table per family, read by make_models.py."""

CROSS, PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"
UP = {CROSS: "CrossAttnUpBlock2D", PLAIN: "UpBlock2D"}
LEVELS4 = (CROSS, CROSS, CROSS, PLAIN)

BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000,
             trained_betas=None, clip_sample=False)
PNDM = dict(_class_name="PNDMScheduler", skip_prk_steps=True, set_alpha_to_one=False, steps_offset=1, **BETAS)
EULER = dict(_class_name="EulerDiscreteScheduler", interpolation_type="linear", prediction_type="epsilon",
             steps_offset=1, timestep_spacing="leading", use_karras_sigmas=False, **BETAS)


def unet(channels, down, heads, context, layers=1, **more):
    return dict(in_channels=4, out_channels=4, sample_size=8, block_out_channels=channels, down_block_types=down,
                up_block_types=tuple(UP[d] for d in reversed(down)), layers_per_block=layers, norm_num_groups=4,
                attention_head_dim=heads, cross_attention_dim=context) | more


def clip(width, layers, heads, activation, eos=2, projection=None):
    # eos 2 is what the files of SD1, SD2 and SDXL say: the pooled position is then the argmax of the ids.
    legacy = eos == 2
    return dict(hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers, num_attention_heads=heads,
                hidden_act=activation, vocab_size=1556, max_position_embeddings=77, projection_dim=projection or width,
                bos_token_id=0 if legacy else 1554, eos_token_id=eos, pad_token_id=1)


VAE = dict(in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(8, 12, 16, 16), layers_per_block=1,
           norm_num_groups=4, sample_size=64, down_block_types=("DownEncoderBlock2D",) * 4,
           up_block_types=("UpDecoderBlock2D",) * 4)
SD2_UNET = unet((16, 16, 24, 24), LEVELS4, (1, 2, 3, 3), 32, use_linear_projection=True, upcast_attention=True)
SD2_TEXT = clip(32, 2, 2, "gelu")  # The original file holds a third layer, which is not used.

# Families with the same `seed` for a part share its weights, as their real models share their architecture.
# old_config: the folder's configs name only what the first SD1.x folders named, so the reader's defaults are tested.
# text_prefix: text encoder keys begin with "text_model." (files written by transformers < 5.6) and hold position_ids.
FAMILIES = {
    "sd1": dict(unet=unet((16, 16, 16, 24), LEVELS4, 2, 24, layers=2), unet_seed=13,
                vae=VAE, vae_seed=12, text=clip(24, 3, 3, "quick_gelu"), text_seed=13, text_prefix=True,
                scheduler=PNDM, old_config=True, pad="<|endoftext|>"),
    "sd2": dict(unet=SD2_UNET, unet_seed=21, vae=VAE, vae_seed=12, text=SD2_TEXT, text_seed=23, text_prefix=True,
                scheduler=PNDM | dict(prediction_type="epsilon"), pad="!"),
    "sd2v": dict(unet=SD2_UNET, unet_seed=21, vae=VAE, vae_seed=12, text=SD2_TEXT, text_seed=23, text_prefix=True,
                 scheduler=EULER | dict(prediction_type="v_prediction", timestep_spacing="trailing",
                                        rescale_betas_zero_snr=True), pad="!"),
    "sdxl": dict(unet=unet((16, 16, 24), (PLAIN, CROSS, CROSS), (2, 2, 3), 56, use_linear_projection=True,
                           transformer_layers_per_block=(1, 2, 3), addition_embed_type="text_time",
                           addition_time_embed_dim=8, projection_class_embeddings_input_dim=24 + 6 * 8), unet_seed=37,
                 vae=VAE | dict(scaling_factor=0.13025, force_upcast=True), vae_seed=12,
                 text=clip(24, 3, 3, "quick_gelu"), text_seed=13, text_prefix=True,
                 text_2=clip(32, 3, 2, "gelu", projection=24), text_2_seed=33,
                 scheduler=EULER, pad="<|endoftext|>", pad_2="!"),
    "inpaint": dict(unet=unet((16, 16, 16, 24), LEVELS4, 2, 24, in_channels=9), unet_seed=42,
                    vae=VAE, vae_seed=12, text=clip(24, 3, 3, "quick_gelu"), text_seed=13, text_prefix=True,
                    scheduler=PNDM, pad="<|endoftext|>"),
    "small": dict(unet=unet((16, 24, 32), (CROSS,) * 3, (2, 3, 4), 24), unet_seed=52,
                  vae=VAE | dict(scaling_factor=0.5110866634266072), vae_seed=12,
                  text=clip(24, 3, 3, "quick_gelu", eos=1555), text_seed=13, text_prefix=False,
                  scheduler=EULER | dict(timestep_spacing="linspace"), pad="<|endoftext|>"),
}

PROMPTS = ["a small red cat in a park at sunset", "a dragon on the beach, watercolor", ""]
