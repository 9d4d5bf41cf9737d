/**
 * Files and directories in memory, as a file system keeps them: nodes that hold bytes, and names of nodes in
 * directories. What recording.c records and replays; tests only, for one thread. Its memory is not the
 * library's, of which tests let run short.
 */
#ifndef B2_IO_TREE_H
#define B2_IO_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct b2_node {
    bool is_directory;
    bool is_locked; /* by who has it open; a crash ends that */
    uint8_t *bytes; /* the file; NULL while it is empty */
    size_t size, capacity;
    int64_t changes; /* a clock for b2_identity */
} b2_node;

typedef struct b2_entry {
    int64_t parent, node;
    char *name; /* owned */
} b2_entry;

/** `{0}` and b2_tree_add_node(tree, true) make an empty one: node 0 is the root, which has no name. */
typedef struct b2_tree {
    b2_node *nodes;
    b2_entry *entries;
    int64_t node_count, entry_count, node_room, entry_room;
} b2_tree;

void b2_tree_free(b2_tree *tree);

/** A node without a name. @return Its number, or BLOSC2_E_MEMORY. */
int64_t b2_tree_add_node(b2_tree *tree, bool is_directory);

/** The node of a name in a directory, -1 if there is none. */
int64_t b2_tree_child(const b2_tree *tree, int64_t parent, const char *name);

/**
 * Take a path apart, at slashes; "." at its beginning is the root.
 * @param parent  Set to the node of the directory that the last name is in.
 * @param name    Set to the last name; points into the path.
 * @return BLOSC2_OK, or BLOSC2_E_NOT_FOUND if that directory is not there.
 */
int b2_tree_locate(const b2_tree *tree, const char *path, int64_t *parent, const char **name);

/** The node of a path, -1 if it is not there. */
int64_t b2_tree_find(const b2_tree *tree, const char *path);

/** Give a node a name, which another one loses that had it. */
int b2_tree_link(b2_tree *tree, int64_t parent, const char *name, int64_t node);

/** Take a name away; its node stays. Nothing happens if it is not there. */
void b2_tree_unlink(b2_tree *tree, int64_t parent, const char *name);

bool b2_tree_is_empty(const b2_tree *tree, int64_t directory);

/** Gaps are filled with zeros. */
int b2_tree_write(b2_tree *tree, int64_t node, const void *bytes, size_t count, size_t position);
int b2_tree_truncate(b2_tree *tree, int64_t node, size_t bytes);

#endif
