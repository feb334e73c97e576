"""PyPI's ``decart`` 0.2.4 on the image and the batch endpoint; run in its environment.

    python generate_client.py BASE_URL PICTURE CLIP

It prints a JSON object of what the client saw. Nothing of this project is imported.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from decart import DecartClient, models


async def main(base_url: str, picture: str, clip: str) -> dict[str, Any]:
    client = DecartClient(api_key="dct_test", base_url=base_url)
    asked: dict[str, Any] = {"prompt": "invert", "seed": 3, "enhance_prompt": False}
    image = await client.process(
        {
            **asked,
            "model": models.image("lucy-image-2"),
            "data": await asyncio.to_thread(Path(picture).read_bytes),
            "resolution": "480p",
        }
    )
    seen = []
    content = await asyncio.to_thread(Path(clip).read_bytes)
    job: Any = {**asked, "model": models.video("lucy-latest"), "resolution": "720p"}
    done = await client.queue.submit_and_poll(
        {**job, "data": content, "on_status_change": lambda each: seen.append(each.status)}
    )
    failed = await client.queue.submit_and_poll({**job, "data": b"no clip"})
    await client.close()
    return {
        "image": image[:3].hex(),
        "statuses": seen,
        "clip": done.data[4:8].decode() if done.status == "completed" else done.status,
        "failed": failed.status,
    }


print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
