"""Programs of other people that speak A1111's and OpenAI's APIs, as they are, through the real program."""
import base64
import io
import json
import struct
import threading
import time
import unittest
import zlib

from server_case import SMALL, ServerCase, main, png, until

try:
    import openai
    import sd_backend_client
    import webuiapi
    from PIL import Image
except ImportError:  # requirements.txt has them
    openai = None

SIZE = {"width": 64, "height": 64, "steps": 2}
DRAGON = {"kind": "inject", "prompt": "a dragon"}


def b64(picture):
    return base64.b64encode(picture).decode()


def size_of(text):
    """Of a PNG."""
    return struct.unpack(">II", base64.b64decode(text)[16:24])


def opened(text):
    return Image.open(io.BytesIO(base64.b64decode(text)))


def painted(mode="RGB", color=(200, 40, 30)):
    return Image.new(mode, (64, 64), color)


def file_of(image):
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def form(fields, pictures):
    """Headers and body of a form, as aiohttp sends it."""
    parts = [(f'name="{name}"', "text/plain; charset=utf-8", value.encode()) for name, value in fields.items()]
    parts += [(f'name="{name}"; filename="{i}.png"', "image/png", png(64, 64)) for i, name in enumerate(pictures)]
    body = b"".join(b"--xyz\r\nContent-Type: %b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (
        kind.encode(), name.encode(), data) for name, kind, data in parts)
    return {"Content-Type": "multipart/form-data; boundary=xyz"}, body + b"--xyz--\r\n"


class Plain(ServerCase):
    """What the programs send, by hand."""

    def sd(self, path, body=None, **headers):
        answer = self.server.ask("GET" if body is None else "POST", "/sdapi/v1/" + path, body, headers)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def drawn(self, path="txt2img", **body):
        answer = self.sd(path, {"prompt": "a cat in a park", "seed": 3, **SIZE, **body})
        return answer["images"], json.loads(answer["info"])

    def recipe(self, image):
        return self.server.ask("POST", "/v1/read", raw=base64.b64decode(image)).json["recipe"]

    def test_open_webui(self):
        basic = {"authorization": ""}
        options = self.sd("options", **basic)
        title = self.sd("sd-models", **basic)[0]["title"]
        self.sd("options", {**options, "sd_model_checkpoint": title, "new_one": [1]}, **basic)
        self.assertEqual(self.sd("options"), {**options, "sd_model_checkpoint": title, "new_one": [1]})
        body = {"prompt": "a cat", "batch_size": 2, **SIZE, "negative_prompt": "rain"}
        answer = self.sd("txt2img", body, **basic)
        self.assertEqual([size_of(i) for i in answer["images"]], [(64, 64)] * 2)
        seeds = json.loads(answer["info"])["all_seeds"]
        self.assertEqual(seeds[1], seeds[0] + 1)

    def test_open_webui_as_openai(self):
        """Its additional parameters are a field of its settings: there stands what is ours."""
        ours = {"corepulse": {"steps": 2}}
        body = {"model": "builtin", "prompt": "a cat", "n": 1, "size": "64x64", "response_format": "b64_json", **ours}
        key = {"Authorization": "Bearer none"}
        answer = self.server.ask("POST", "/v1/images/generations?api-version=2026-01-01", body, key)
        self.assertEqual(size_of(answer.json["data"][0]["b64_json"]), (64, 64))
        # Without response_format, where the model's name says so; addresses are read with the same key.
        answer = self.server.ask("POST", "/v1/images/generations", {**body, "response_format": "url"}, key)
        path = answer.json["data"][0]["url"].split(f":{self.server.port}")[1]
        self.assertTrue(self.server.ask("GET", path, headers=key).headers["Content-Type"].startswith("image/"))
        for names, status in (["image"], 200), (["image[]"], 200), (["image[]", "image[]"], 400):
            fields = {"model": "builtin", "prompt": "a cat", "n": "1", "size": "64x64", "response_format": "b64_json"}
            answer = self.server.ask("POST", "/v1/images/edits", None, *form(fields, names))
            self.assertEqual(answer.status, status, answer.body)
        self.assertIn("[image]", answer.json["error"]["message"])

    def test_sillytavern(self):
        self.assertNotIn("forge_preset", self.sd("options"))
        for path in ("upscalers", "samplers", "schedulers", "latent-upscale-modes"):
            self.assertTrue(all(item["name"] for item in self.sd(path)), path)
        self.assertEqual((self.sd("sd-vae"), self.sd("upscalers")[0]["name"]), ([], "None"))
        self.assertIsNone(self.sd("options", {"sd_model_checkpoint": self.sd("sd-models")[0]["title"]}))
        idle = self.sd("progress")
        self.assertEqual((idle["progress"], idle["state"]["job_count"]), (0.0, 0))
        body = {"url": "http://localhost:7860", "auth": "a:b", "negative_prompt": "rain", "sampler_name": "DPM++ 2M",
                "scheduler": "Karras", "cfg_scale": 7, "restore_faces": False, "enable_hr": False, "hr_upscaler": "None",
                "hr_scale": 2, "hr_additional_modules": [], "denoising_strength": 0.7, "hr_second_pass_steps": 0,
                "override_settings": {"CLIP_stop_at_last_layers": 1}, "override_settings_restore_afterwards": True,
                "clip_skip": 1, "save_images": True, "send_images": True, "do_not_save_grid": False, "do_not_save_samples": False}
        images, info = self.drawn(**body)
        recipe = self.recipe(images[0])
        self.assertEqual((recipe["sampler"], recipe["schedule"], recipe["guidance"]), ("dpmpp_2m", "karras", 7))
        self.assertEqual(info["sampler_name"], "DPM++ 2M")
        self.assertEqual(info["extra_generation_params"]["corepulse note 1"], "not known here, and not heeded: clip_skip")
        detailer = {"alwayson_scripts": {"ADetailer": {"args": [True, True, {"ad_model": "face_yolov8n.pt"}]}}}
        answer = self.server.ask("POST", "/sdapi/v1/txt2img", {"prompt": "a cat", **SIZE, **body, **detailer})
        self.refused(answer, 400, "invalid_request")

    def test_sillytavern_goes_away(self):
        answers = []
        long = threading.Thread(target=lambda: answers.append(self.drawn(steps=1000, batch_size=4)))
        long.start()
        while not (state := self.sd("progress"))["current_image"]:
            time.sleep(0.01)
        self.assertTrue(0 < state["progress"] < 1 and state["state"]["sampling_steps"] == 1000, state)
        interrupt = self.server.ask("POST", "/sdapi/v1/interrupt", headers={"Authorization": "Basic Og=="})
        self.assertEqual(interrupt.status, 200)
        long.join()
        images, info = answers[0]
        self.assertEqual((images, info["extra_generation_params"]["corepulse state"]), ([], "cancelled"))

    def test_krita(self):
        """What the plugin Cyanic SD asks when it connects, and sends for a picture."""
        self.assertEqual(self.server.ask("GET", "/queue/status").json["queue_size"], 0)
        for path in ("sd-models", "sd-vae", "samplers", "upscalers", "face-restorers", "prompt-styles", "loras", "hypernetworks"):
            self.assertIsInstance(self.sd(path), list)
        self.assertEqual((self.sd("scripts")["txt2img"], self.sd("embeddings")["loaded"]), (["corepulse"], {}))
        settings = {"sd_model_checkpoint": self.sd("options")["sd_model_checkpoint"], "img2img_color_correction": True}
        _, info = self.drawn("img2img", init_images=[b64(png(64, 64))], denoising_strength=0.5, override_settings=settings,
                             override_settings_restore_afterwards=False, refiner_switch_at=0.8, styles=[])
        self.assertIn("override_settings.img2img_color_correction", info["extra_generation_params"]["corepulse note 1"])

    def test_a_request_means_our_recipe(self):
        images, info = self.drawn(prompt="a (cat:1.2) {a|b}", sampler_name="Euler a", enable_hr=True, hr_scale=2,
                                  denoising_strength=0.5, hr_second_pass_steps=2, foo=1,
                                  override_settings={"randn_source": "CPU", "bar": 1},
                                  alwayson_scripts={"corepulse": {"controls": [DRAGON]}, "ADetailer": {"args": [False]}})
        recipe = self.recipe(images[0])
        self.assertEqual((recipe["syntax"], recipe["compat"], recipe["rng"], recipe["seeds"]), ("a1111", "a1111", "cpu", [3]))
        self.assertEqual(size_of(images[0]), (128, 128))
        second = recipe["second_pass"]
        self.assertEqual((second["upscale"], second["strength"], second["steps"]), ("latent-bilinear", 0.5, 2))
        self.assertEqual(recipe["controls"][0]["prompt"], "a dragon")
        self.assertIn("foo, override_settings.bar", info["extra_generation_params"]["corepulse note 1"])
        self.assertIn("a (cat:1.2) \\{a|b}", info["prompt"])
        # The picture tells the same, and draws the same bits.
        told = self.sd("png-info", {"image": "data:image/png;base64," + images[0]})
        self.assertEqual(told["info"], info["infotexts"][0])
        self.assertEqual(told["parameters"]["recipe"], recipe)
        job = self.server.wait(self.server.ask("POST", "/v1/jobs", {"recipe": recipe}).json["id"])
        self.assertEqual(self.server.ask("GET", job["pictures"][0]["url"]).body, base64.b64decode(images[0]))

    def test_img2img_is_init_and_mask(self):
        white = zlib.compress((b"\0" + b"\xff\xff\xff" * 64) * 64)
        picture, mask = b64(png(64, 64)), b64(png(64, 64, white))
        images, info = self.drawn("img2img", init_images=[picture], denoising_strength=0.6, resize_mode=2, mask=mask,
                                  mask_blur=8, inpaint_full_res=False, inpainting_mask_invert=0)
        init = self.recipe(images[0])["init"]
        self.assertEqual((init["strength"], init["fit"], init["mask"]["blur"]), (0.6, "pad", 8 / 64))
        self.assertEqual(info["denoising_strength"], 0.6)
        self.assertIn("inpainting_fill", info["extra_generation_params"]["corepulse note 1"])
        images, _ = self.drawn("img2img", init_images=[picture], mask=mask, inpaint_full_res_padding=4, inpainting_fill=1)
        self.assertEqual(self.recipe(images[0])["init"]["only_masked"], 4)
        # Its transparency is the mask where it has any: a program's own alpha may be opaque everywhere.
        def mask_of(white, black, color):
            rows = (b"\0" + bytes(white * 32 + black * 32)) * 64
            images, _ = self.drawn("img2img", init_images=[picture], mask=b64(png(64, 64, zlib.compress(rows), color)))
            return self.recipe(images[0])["init"]["mask"]["data"]
        plain = mask_of((255, 255, 255), (0, 0, 0), 2)
        self.assertEqual(mask_of((255, 255, 255, 255), (0, 0, 0, 255), 6), plain)
        self.assertEqual(mask_of((0, 0, 0, 255), (255, 255, 255, 0), 6), plain)

    def test_what_is_long_is_not_said_again(self):
        long = b64(png(64, 64) + bytes(5000))
        body = {"prompt": "a cat", **SIZE, "init_images": [long], "include_init_images": True, "unknown": {"x": ["y" * 5000]},
                "list": list(range(20000)), "send_images": False}
        answer = self.sd("img2img", body)
        told, info = answer["parameters"], json.loads(answer["info"])
        self.assertEqual(told["init_images"], [f"({len(long)} bytes, left out)"])
        self.assertEqual(told["unknown"], {"x": ["(5000 bytes, left out)"]})
        self.assertEqual((told["prompt"], "list" in told, answer["images"]), ("a cat", False, []))
        self.assertIn("1 long fields", " ".join(info["extra_generation_params"].values()))

    def test_what_cannot_be_said_is_refused(self):
        picture = b64(png(64, 64))
        unit = {"alwayson_scripts": {"ControlNet": {"args": [{"enabled": True, "model": "canny", "image": picture}]}}}
        for field, body in {"ControlNet": unit, "tiling": {"tiling": True}, "styles": {"styles": ["x"]},
                            "subseed_strength": {"subseed_strength": 0.5}, "refiner_checkpoint": {"refiner_checkpoint": "x"},
                            "sampler": {"sampler_name": "Eular"}, "hr_upscaler": {"enable_hr": True, "hr_upscaler": "ESRGAN"},
                            "hr_prompt": {"enable_hr": True, "hr_prompt": "x"}, "steps": {"steps": "x"},
                            "script_name": {"script_name": "X/Y/Z plot"}, "builtin": {"override_settings": {
                                "sd_model_checkpoint": "bultin"}}, "sd_vae": {"override_settings": {"sd_vae": "x"}},
                            "none": {"prompt": "a cat <lora:none:1>"}}.items():
            answer = self.server.ask("POST", "/sdapi/v1/txt2img", {"prompt": "a cat", **SIZE, **body})
            self.assertTrue(400 <= answer.status < 500 and field in answer.json["detail"], (field, answer.body))
        for body in ({}, {"init_images": ["%"]}, {"init_images": [b64(b"x")]}, {"init_images": [picture, picture]},
                     {"init_images": ["http://127.0.0.1/x.png"]}, {"init_images": [picture], "resize_mode": 3},
                     {"init_images": [picture], "mask": picture, "inpainting_fill": 2}):
            answer = self.server.ask("POST", "/sdapi/v1/img2img", {"prompt": "a cat", **SIZE, **body})
            self.assertTrue(400 <= answer.status < 500, answer.body)
        self.refused(self.server.ask("POST", "/sdapi/v1/options", {"sd_model_checkpoint": "x"}), 404, "not_found")
        foreign = {"Origin": "http://evil.example"}
        self.refused(self.server.ask("POST", "/sdapi/v1/interrupt", {}, foreign), 403, "forbidden_origin")
        wrong = {"alwayson_scripts": {"corepulse": {"controls": [{"kind": "inject", "prompt": "x", "region": {
            "shape": "picture", "file": "/etc/passwd"}}]}}}
        self.refused(self.server.ask("POST", "/sdapi/v1/txt2img", {"prompt": "a", **SIZE, **wrong}), 403, "forbidden_path")

    def test_others_jobs_are_not_interrupted(self):
        id = self.server.draw({"steps": 1000})
        self.server.wait(id, "running")
        # Nor is one that waits, as there.
        answers = []
        waits = threading.Thread(target=lambda: answers.append(self.drawn()))
        waits.start()
        until(lambda: self.sd("progress")["state"]["job_count"], lambda count: count == 2)
        self.sd("interrupt", {})
        self.assertEqual(self.server.job(id)["state"], "running")
        self.server.ask("DELETE", f"/v1/jobs/{id}")
        self.server.wait(id)
        waits.join()
        self.assertEqual(len(answers[0][0]), 1)


@unittest.skipUnless(openai, "no clients: pip install -r tests/server/requirements.txt")
class Clients(ServerCase):
    def test_webuiapi(self):
        api = webuiapi.WebUIApi(port=self.server.port, sampler="Euler a", steps=2)
        result = api.txt2img(prompt="a cat in a park", seed=3, width=64, height=64)
        self.assertEqual((result.image.size, result.info["seed"]), ((64, 64), 3))
        more = api.txt2img(prompt="a cat in a park", seed=3, width=64, height=64,
                           alwayson_scripts={"corepulse": {"controls": [DRAGON]}})
        self.assertNotEqual(more.image.tobytes(), result.image.tobytes())
        again = api.img2img(images=[result.image], prompt="a cat", seed=3, width=64, height=64, denoising_strength=0.5,
                            mask_image=painted("L", 255), inpainting_fill=1)
        self.assertEqual(again.image.size, (64, 64))
        self.assertTrue(api.png_info(result.image))
        self.assertEqual(api.util_get_model_names()[0], api.util_get_current_model())
        api.util_set_model(api.util_get_model_names()[0])
        self.assertIn("DPM++ 2M", api.util_get_sampler_names())
        self.assertIn("karras", api.util_get_scheduler_names())
        api.util_wait_for_ready(0.05)
        for lists in ("hypernetworks", "face_restorers", "realesrgan_models", "prompt_styles", "sd_vae"):
            self.assertEqual(getattr(api, "get_" + lists)(), [])
        for read in ("cmd_flags", "progress", "upscalers", "latent_upscale_modes", "loras", "scripts", "embeddings", "memory"):
            self.assertIsNotNone(getattr(api, "get_" + read)())
        api.set_options({"CLIP_stop_at_last_layers": 2})
        self.assertEqual(api.get_options()["CLIP_stop_at_last_layers"], 2)
        self.assertEqual(api.txt2img(prompt="a cat", width=64, height=64).info["clip_skip"], 2)
        api.set_options({"CLIP_stop_at_last_layers": 1})
        api.refresh_checkpoints()
        api.interrupt()
        api.skip()
        with self.assertRaises(RuntimeError):  # at last: from now on it sends these units with every request
            api.txt2img(prompt="a cat", width=64, height=64, controlnet_units=[webuiapi.ControlNetUnit(image=painted())])

    def test_sd_backend_client(self):
        backend = sd_backend_client.connect_to_backend(f"http://127.0.0.1:{self.server.port}")
        self.assertIsInstance(backend, sd_backend_client.A1111Webservice)
        parameters = sd_backend_client.DiffusionParams(prompt="a cat", seed=3, **SIZE)
        result = backend.submit_txt2img(parameters).wait(timeout=60, poll_interval=0.05)
        self.assertEqual((result.images[0].size, result.seeds), ((64, 64), [3]))
        parameters.init_images = [result.images[0]]
        parameters.denoising_strength = 0.5
        self.assertEqual(backend.submit_img2img(parameters).wait(timeout=60, poll_interval=0.05).images[0].size, (64, 64))
        parameters.mask = painted("L", 255)
        self.assertEqual(len(backend.submit_inpaint(parameters).wait(timeout=60, poll_interval=0.05).images), 1)
        for lists in ("checkpoints", "vaes", "loras", "samplers", "schedulers", "upscalers", "controlnet_models", "hypernetworks"):
            self.assertIsInstance(getattr(backend, "list_" + lists)(), list)
        self.assertFalse(backend.get_capabilities().controlnet)
        self.assertEqual(backend.get_script_info()[0].name, "corepulse")
        self.assertEqual(backend.get_scripts().txt2img, ["corepulse"])
        self.assertEqual(backend.progress_check().progress, 0)
        backend.refresh_checkpoints(), backend.refresh_loras(), backend.interrupt()

    def client(self):
        return openai.OpenAI(base_url=f"http://127.0.0.1:{self.server.port}/v1", api_key="any", max_retries=0)

    def test_openai_generations(self):
        client = self.client()
        self.assertIn("builtin", [model.id for model in client.models.list()])
        more = {"extra_body": {"corepulse": {"steps": 4, "controls": [DRAGON]}}}
        for format, kind in (("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")):
            answer = client.images.generate(prompt="a cat", model="builtin", n=2, size="64x64", output_format=format, **more)
            self.assertEqual([opened(d.b64_json).format for d in answer.data], [kind] * 2)
            self.assertEqual((answer.size, answer.output_format), ("64x64", format))
        url = client.images.generate(prompt="a cat", size="64x64", response_format="url", **more).data[0].url
        path = url.split(f":{self.server.port}")[1]
        recipe = self.server.ask("POST", "/v1/read", raw=self.server.ask("GET", path).body).json["recipe"]
        self.assertEqual((recipe["steps"], recipe["controls"][0]["prompt"]), (4, "a dragon"))
        events = list(client.images.generate(prompt="a cat", size="64x64", stream=True, partial_images=2, **more))
        self.assertEqual([e.type for e in events],
                         ["image_generation.partial_image"] * 2 + ["image_generation.completed"])
        self.assertEqual([e.partial_image_index for e in events[:2]], [0, 1])
        self.assertEqual((events[0].size, opened(events[-1].b64_json).size), ("64x64", (64, 64)))
        self.assertTrue(opened(events[0].b64_json))
        answer = client.images.generate(prompt="a cat", size="64x64", quality="high", style="vivid", user="me", **more)
        self.assertIn("quality, style", answer.corepulse["notes"][0])
        self.assertNotIn("user", answer.corepulse["notes"][0])

    def test_openai_edits(self):
        client, picture = self.client(), file_of(painted())
        hole = painted("RGBA", (0, 0, 0, 255))
        hole.paste((0, 0, 0, 0), (16, 16, 48, 48))
        ours = {"extra_body": {"corepulse": json.dumps({"steps": 2, "seed": 5, "init": {"strength": 1}})}}
        answer = client.images.edit(image=("a.png", picture), mask=("m.png", file_of(hole)), prompt="a cat", size="64x64", **ours)
        made = opened(answer.data[0].b64_json)
        # Outside the mask it is the picture still, inside not.
        self.assertEqual(made.getpixel((2, 2)), (200, 40, 30))
        self.assertNotEqual(made.getpixel((32, 32)), (200, 40, 30))
        answer = client.images.edit(image=[("a.png", picture)], prompt="a cat", **ours)
        self.assertEqual(opened(answer.data[0].b64_json).format, "PNG")
        ours = {"extra_body": {"corepulse": json.dumps({"steps": 4, "init": {"strength": 1}})}}
        events = list(client.images.edit(image=("a.png", picture), prompt="a cat", stream=True, partial_images=2, **ours))
        self.assertEqual([e.type for e in events], ["image_edit.partial_image"] * 2 + ["image_edit.completed"])
        self.assertIsInstance(events[-1], openai.types.ImageEditCompletedEvent)
        self.assertEqual([e.partial_image_index for e in events[:2]], [0, 1])
        self.assertTrue(opened(events[-1].b64_json))

    def test_openai_errors(self):
        client = self.client()
        with self.assertRaises(openai.NotFoundError) as wrong:
            client.images.generate(prompt="a cat", model="bultin")
        self.assertEqual(wrong.exception.code, "model_not_found")
        for body in ({"size": "64"}, {"background": "transparent"}, {"output_format": "gif"}, {"n": 11},
                     {"extra_body": {"corepulse": {"stpes": 2}}}):
            with self.assertRaises(openai.BadRequestError, msg=body):
                client.images.generate(prompt="a cat", **body)
        with self.assertRaises(openai.BadRequestError):
            client.images.edit(image=[("a.png", png(64, 64)), ("b.png", png(64, 64))], prompt="a cat")
        with self.assertRaises(openai.BadRequestError):
            client.images.edit(image=("a.png", png(64, 64)), mask=("m.png", png(64, 64)), prompt="a cat")


if __name__ == "__main__":
    main()
