"""What programs and people read about this server: OpenAPI, AsyncAPI and the pages that show them, made from the code.

Made when first asked for. Knows routes, structs and reason codes; asks nothing of rooms, people or the disk.
"""
