// The routes that are this daemon's alone, as a document that tools read.
#include "actors/gateway/http/routes.hpp"

namespace actord::http {

namespace {

// All others are those of LMCache 0.5.6, whose own document describes them.
constexpr const char* document = R"json({
 "openapi": "3.1.0",
 "info": {
  "title": "LMCache HTTP API",
  "version": "1.0.0",
  "description": "Routes of lmcache-actord that come on top of those of LMCache 0.5.6."
 },
 "components": {
  "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
  "parameters": {
   "id": {"name": "id", "in": "path", "required": true,
          "schema": {"type": "integer", "minimum": 0, "maximum": 4294967295}}
  },
  "schemas": {
   "Fault": {"type": "object", "required": ["detail"],
             "properties": {"detail": {"type": "string"}}},
   "AdapterOptions": {
    "type": "object",
    "description": "What --l2-adapter takes; docs/operations/l2-adapters.md has its keys.",
    "required": ["type"],
    "properties": {
     "type": {"enum": ["fs", "fs_native", "raw_block", "resp", "valkey", "s3", "mock",
                       "fault_inject"]},
     "eviction": {"type": "object"}, "serde": {"type": "object"},
     "shared": {}, "cpp": {"type": "object"}
    },
    "additionalProperties": true,
    "examples": [{"type": "fs", "base_path": "/data/kv"}]
   },
   "Adapter": {
    "type": "object",
    "required": ["id", "type", "name", "state", "removing", "drained", "shared",
                 "waiting_objects", "config"],
    "properties": {
     "id": {"type": "integer", "description": "Its adapter_index everywhere; never used again."},
     "type": {"type": "string"}, "name": {"type": "string"},
     "state": {"enum": ["opening", "ready", "degraded", "draining"]},
     "removing": {"type": "boolean", "description": "It goes once it has drained."},
     "drained": {"type": "boolean", "description": "Nothing waits to be copied to it any more."},
     "shared": {"type": "boolean"},
     "waiting_objects": {"type": "integer", "description": "Still to be copied to it."},
     "waits_for": {"type": "string", "description": "What a change has not seen the end of."},
     "breaker": {"enum": ["closed", "half_open", "open"]},
     "bytes": {"type": "integer"}, "capacity_bytes": {"type": "integer"},
     "objects": {"type": "integer"}, "scanning": {"type": "boolean"},
     "running_tasks": {"type": "integer"}, "oldest_task_ms": {"type": "integer"},
     "last_error": {"type": "string"},
     "config": {"type": "object", "description": "Its options; secrets are ***."},
     "warnings": {"type": "array", "items": {"type": "string"}}
    }
   }
  },
  "responses": {
   "Adapter": {"description": "The adapter as it is now.",
               "content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Adapter"}}}},
   "Attached": {"description": "The adapter as it is now.",
                "headers": {"Location": {"schema": {"type": "string"}}},
                "content": {"application/json": {
                 "schema": {"$ref": "#/components/schemas/Adapter"}}}},
   "Fault": {"description": "What is wrong, and what to do.",
             "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Fault"}}}}
  }
 },
 "security": [{"token": []}, {}],
 "paths": {
  "/l2/adapters": {
   "get": {
    "operationId": "listL2Adapters", "summary": "All stores behind L1, by id.",
    "responses": {"200": {"description": "All of them.", "content": {"application/json": {
     "schema": {"type": "object", "required": ["adapters"],
     "properties": {"adapters": {"type": "array",
                                 "items": {"$ref": "#/components/schemas/Adapter"}}}}}}}}
   },
   "post": {
    "operationId": "attachL2Adapter",
    "summary": "Opens a store and attaches it behind the others, until the daemon ends.",
    "requestBody": {"required": true, "content": {"application/json": {
     "schema": {"$ref": "#/components/schemas/AdapterOptions"}}}},
    "responses": {
     "201": {"$ref": "#/components/responses/Attached"},
     "202": {"$ref": "#/components/responses/Attached"},
     "400": {"$ref": "#/components/responses/Fault"},
     "409": {"$ref": "#/components/responses/Fault"},
     "413": {"$ref": "#/components/responses/Fault"}
    }
   }
  },
  "/l2/adapters/{id}": {
   "parameters": [{"$ref": "#/components/parameters/id"}],
   "get": {
    "operationId": "getL2Adapter", "summary": "One of them.",
    "responses": {"200": {"$ref": "#/components/responses/Adapter"},
                  "404": {"$ref": "#/components/responses/Fault"}}
   },
   "delete": {
    "operationId": "removeL2Adapter",
    "summary": "Drains it and takes it away; what it holds stays in its store.",
    "responses": {"202": {"$ref": "#/components/responses/Adapter"},
                  "404": {"$ref": "#/components/responses/Fault"}}
   }
  },
  "/l2/adapters/{id}/drain": {
   "parameters": [{"$ref": "#/components/parameters/id"}],
   "post": {
    "operationId": "drainL2Adapter",
    "summary": "Copies nothing new to it: 202 until all that waits is there, then 200.",
    "responses": {"200": {"$ref": "#/components/responses/Adapter"},
                  "202": {"$ref": "#/components/responses/Adapter"},
                  "404": {"$ref": "#/components/responses/Fault"},
                  "409": {"$ref": "#/components/responses/Fault"}}
   }
  }
 }
})json";

} // namespace

void add_openapi_route(router& to) {
  to.add({"GET", "/openapi.json", exposure::read, [](const request&, const path_values&) {
            return reply{200, "application/json", document, {}};
          }});
}

} // namespace actord::http
