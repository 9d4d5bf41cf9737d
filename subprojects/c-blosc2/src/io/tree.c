#include "io/tree.h"

#include <stdlib.h>
#include <string.h>

#include "blosc2.h"

static int out_of_memory(void)
{
    return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a file system in memory");
}

/* Room for one item more. */
static int grow(void **items, int64_t count, int64_t *room, size_t item_bytes)
{
    if (count < *room) return BLOSC2_OK;
    int64_t more = *room * 2 + 16;
    void *grown = realloc(*items, (size_t)more * item_bytes);
    if (!grown) return out_of_memory();
    *items = grown;
    *room = more;
    return BLOSC2_OK;
}

void b2_tree_free(b2_tree *tree)
{
    for (int64_t i = 0; i < tree->node_count; i++) free(tree->nodes[i].bytes);
    for (int64_t i = 0; i < tree->entry_count; i++) free(tree->entries[i].name);
    free(tree->nodes);
    free(tree->entries);
    *tree = (b2_tree){0};
}

int64_t b2_tree_add_node(b2_tree *tree, bool is_directory)
{
    void *nodes = tree->nodes;
    int status = grow(&nodes, tree->node_count, &tree->node_room, sizeof *tree->nodes);
    tree->nodes = nodes;
    if (status < 0) return status;
    tree->nodes[tree->node_count] = (b2_node){.is_directory = is_directory};
    return tree->node_count++;
}

/* Position in the entries, -1 if it is not there. */
static int64_t find_entry(const b2_tree *tree, int64_t parent, const char *name, size_t name_bytes)
{
    for (int64_t i = 0; i < tree->entry_count; i++) {
        const b2_entry *entry = &tree->entries[i];
        if (entry->parent == parent && strlen(entry->name) == name_bytes &&
            memcmp(entry->name, name, name_bytes) == 0)
            return i;
    }
    return -1;
}

int64_t b2_tree_child(const b2_tree *tree, int64_t parent, const char *name)
{
    int64_t i = find_entry(tree, parent, name, strlen(name));
    return i < 0 ? -1 : tree->entries[i].node;
}

int b2_tree_locate(const b2_tree *tree, const char *path, int64_t *parent, const char **name)
{
    int64_t directory = 0;
    while (*path == '/' || (path[0] == '.' && (path[1] == '/' || !path[1]))) path++;
    for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
        int64_t i = find_entry(tree, directory, path, (size_t)(slash - path));
        if (i < 0 || !tree->nodes[tree->entries[i].node].is_directory)
            return blosc2_fail(BLOSC2_E_NOT_FOUND, "%s: no such directory", path);
        directory = tree->entries[i].node;
    }
    *parent = directory;
    *name = path;
    return BLOSC2_OK;
}

int64_t b2_tree_find(const b2_tree *tree, const char *path)
{
    int64_t parent;
    const char *name;
    if (b2_tree_locate(tree, path, &parent, &name) < 0) return -1;
    return *name ? b2_tree_child(tree, parent, name) : parent;
}

int b2_tree_link(b2_tree *tree, int64_t parent, const char *name, int64_t node)
{
    int64_t i = find_entry(tree, parent, name, strlen(name));
    if (i >= 0) {
        tree->entries[i].node = node;
        return BLOSC2_OK;
    }
    void *entries = tree->entries;
    int status = grow(&entries, tree->entry_count, &tree->entry_room, sizeof *tree->entries);
    tree->entries = entries;
    if (status < 0) return status;
    char *copy = malloc(strlen(name) + 1);
    if (!copy) return out_of_memory();
    memcpy(copy, name, strlen(name) + 1);
    tree->entries[tree->entry_count++] = (b2_entry){parent, node, copy};
    return BLOSC2_OK;
}

void b2_tree_unlink(b2_tree *tree, int64_t parent, const char *name)
{
    int64_t i = find_entry(tree, parent, name, strlen(name));
    if (i < 0) return;
    free(tree->entries[i].name);
    tree->entries[i] = tree->entries[--tree->entry_count];
}

bool b2_tree_is_empty(const b2_tree *tree, int64_t directory)
{
    for (int64_t i = 0; i < tree->entry_count; i++)
        if (tree->entries[i].parent == directory) return false;
    return true;
}

int b2_tree_truncate(b2_tree *tree, int64_t number, size_t bytes)
{
    b2_node *node = &tree->nodes[number];
    if (bytes > node->capacity) {
        uint8_t *grown = realloc(node->bytes, bytes * 2);
        if (!grown) return out_of_memory();
        node->bytes = grown;
        node->capacity = bytes * 2;
    }
    if (bytes > node->size) memset(node->bytes + node->size, 0, bytes - node->size);
    node->size = bytes;
    node->changes++;
    return BLOSC2_OK;
}

int b2_tree_write(b2_tree *tree, int64_t number, const void *bytes, size_t count, size_t position)
{
    b2_node *node = &tree->nodes[number];
    if (count == 0) return BLOSC2_OK;
    if (position + count > node->size) {
        int status = b2_tree_truncate(tree, number, position + count);
        if (status < 0) return status;
    }
    memcpy(node->bytes + position, bytes, count);
    node->changes++;
    return BLOSC2_OK;
}
