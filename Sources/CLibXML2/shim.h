#pragma once
#include <libxml/parser.h>
#include <libxml/tree.h>

// xmlFree is a function-pointer global, which Swift 6 refuses.
static inline void gantry_xml_free(void *pointer) { xmlFree(pointer); }
