"""Asks a Model Context Protocol server every question that it offers, as a client of its own: mcp_client.py PROGRAM RUN.

Prints one JSON object: the tools, and for each call its name, whether it failed, and what it said.
"""

import asyncio
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

CALLS = [
    ("causes", {}),
    ("results", {"severity": "critical"}),
    ("results", {"colour": "red"}),
    ("results", {"severity": "dreadful"}),
    ("explain", {"what": "key-unusable"}),
    ("explain", {"what": "--help"}),
    ("explain", {}),
    ("path", {"to": "bedrock-runtime"}),
    ("who_can", {"action": "kms:Decrypt", "resource": "arn:aws:kms:eu-west-1:111111111111:key/documents"}),
    ("simulate", {"question": {"request": {"principal": "arn:aws:iam::111111111111:role/x", "action": "s3:GetObject", "resource": "arn:aws:s3:::b/k"}}}),
    ("invoke", {"model": "anthropic.claude-3-haiku-20240307-v1:0", "principal": "ai-admin"}),
    ("query", {"sql": "SELECT count(*) AS roles FROM iam_role"}),
    ("query", {"sql": "DELETE FROM iam_role"}),
    ("query", {"sql": "ATTACH '/etc/passwd' AS other"}),
    ("tables", {"table": "iam_role"}),
    ("tables", {}),
    ("results", {"rule": "no-such-rule"}),
    ("who_can", {"action": "nonsense"}),
]


async def main(program, run):
    server = StdioServerParameters(command=program, args=["mcp", run])
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        started = await session.initialize()
        tools = (await session.list_tools()).tools
        answers = []
        for name, arguments in CALLS:
            answer = await session.call_tool(name, arguments)
            answers.append({"tool": name, "arguments": arguments, "failed": bool(answer.is_error), "text": answer.content[0].text})
        print(json.dumps({"instructions": started.instructions, "tools": [{"name": tool.name, "reads": tool.annotations.read_only_hint} for tool in tools], "answers": answers}))


asyncio.run(main(*sys.argv[1:]))
