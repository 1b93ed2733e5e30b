# Words of the terminal.
level-high = HIGH
level-medium = MEDIUM
level-info = info

tag-changed = changed
tag-removed = removed
tag-missing = in Git, gone from the cluster
tag-extra-human = added by hand
tag-extra-controller = added by a controller
tag-extra-stale = left over from Git
tag-extra-unknown = added
tag-unmanaged = in no source
tag-not-applied = not yet applied

label-git = git
label-live = live
label-who = who
label-diff = diff
diff-legend = - Git  + live
diff-from = from line { $line }
no-line-end = (no line end)
label-note = note

head-git = Git
head-live = Live
source-line = { $source } · { $objects ->
    [one] { $objects } object
   *[other] { $objects } objects
  } in { $files ->
    [one] { $files } file
   *[other] { $files } files
  }
live-cluster = cluster { $name }
live-snapshot = snapshot { $name }
live-namespace = namespace { $name }
live-line = { $live } · { $kinds ->
    [one] { $kinds } kind
   *[other] { $kinds } kinds
  } · { $seconds } s

who-user = { $user }, from the audit log
note-name = a manager may claim any name; this one proves nothing here
note-unlisted = no tool that people are known to use
note-unowned = no manager owns it; nobody can say who
note-no-managed-fields = recorded without managedFields; nobody can say who
note-past = was in Git at { $commit }
note-past-ahead = Git says otherwise since { $commit }, { $when }
note-past-uncommitted = as in Git at { $commit }; the change on disk is not committed
note-stuck = sync is stuck
note-autoscaled = inside the autoscaler's bounds
note-outside = outside the autoscaler's bounds
note-zero = scaled to zero

summary-differ = { $differing } of { $objects ->
    [one] { $objects } object differs
   *[other] { $objects } objects differ
  }
clean = No drift: { $objects ->
    [one] { $objects } object is
   *[other] { $objects } objects are
  } as Git says ({ $source }).
nothing-compared = Nothing was compared ({ $source }).
clean-partly = No drift in what was compared: { $objects ->
    [one] { $objects } object
   *[other] { $objects } objects
  } ({ $source }).
no-drift = no drift
not-compared = not compared: { $what } { $reason }
not-compared-in = not compared in { $namespace }: { $what } { $reason }
gap-encrypted = encrypted in Git; its keys were compared
gap-in-doubt = not found, but it may be in what could not be read
gap-nameless = generateName: the cluster chooses a new name each time
gap-unstable = not deterministic: two renderings of the same commit differ here
not-compared-count = not compared: { $count } (without -q they are named)
repeated = { $object } is also in { $first }; keep one (the first was compared)
error-at = error: { $place }: { $message }
warning-past = warning: Git's past could not be read: { $fault }
warning-unconfirmed = warning: not confirmed by a dry run: { $doubt }
warning-expired = warning: the rule { $rule } of { $owner } expired on { $on } and does nothing any more; renew it or take it out
warning-unmatched = warning: the rule { $rule } fits nothing in this scan
unattributed = { $objects ->
    [one] { $objects } object was
   *[other] { $objects } objects were
  } recorded without managedFields: attribution is impossible (record with --show-managed-fields)
minor-nearest = defaults of Kubernetes 1.{ $used } were used: those of 1.{ $cluster } are not known
hint-explain = hint: anchorwatch explain { $object }
more-lines = … { $lines ->
    [one] { $lines } more line
   *[other] { $lines } more lines
  } (-o yaml shows all)

ago-now = just now
ago-minutes = { $n } min ago
ago-hours = { $n } h ago
yesterday = yesterday { $time }

origin-human = a person
origin-controller = a controller
origin-stale = Git's past
origin-unknown = unknown
why-controllers_own_field = { $manager } keeps this field; it stands in the table of controllers' own fields
why-delivery_tool_owns_it = { $manager } delivered the object and owns this; Git does not say it any more
why-last_applied = last-applied-configuration has it: it was applied once
why-earlier_commit = an earlier commit said so
why-persons_tool = { $manager } is a tool that people use
why-audit_user = the audit log names a person
why-name_proves_nothing = { $manager } is the name of a controller or delivery tool, but not for this field: anyone may claim a name
why-unlisted_manager = { $manager } is in no table of tools; it is not called a person's by guess
why-unowned = no manager owns it, and it is no default
why-no_managed_fields = the object came without managedFields
why-gone = it is gone, and managedFields do not tell who took it
explain-changed = both have it, with different values
explain-removed = Git has it, the cluster does not
explain-extra = the cluster has it, Git does not, and the server did not fill it in
explain-missing_object = Git has the object, the cluster does not
explain-unmanaged_object = the cluster has the object, no source does
label-change = change
label-origin = origin
label-level = level
label-id = id
level-by-rule = { $level } by rule { $rule }: { $reason }
passed-over = { $object }: { $defaults ->
    [one] { $defaults } value is a default
   *[other] { $defaults } values are defaults
  } of the server, { $system } are its own or its controllers'; no drift (-v lists them)
class-agreed = as Git
class-default = default
class-system = system
explain-clean = { $object } is as Git says.
explain-ignored = { $place } is ignored by the rule { $rule } of { $owner }: { $reason }
explain-ignored-until = { $place } is ignored by the rule { $rule } of { $owner } until { $until }: { $reason }
explain-admitted = { $place } differs, but is no drift: a dry run showed that admission makes it of Git's object, too
ignored = { $items ->
    [one] { $items } item is
   *[other] { $items } items are
  } ignored by your rules: { $rules }

# Words of notifications.
notify-drift = Drift in { $where }: { $counts }
notify-digest = Drift in { $where }, not urgent: { $counts }
notify-clusters = { $count } clusters
notify-object = { $level } { $object } · { $count ->
    [one] { $count } difference
   *[other] { $count } differences
  }
notify-object-turn = { $object }, { $turn }
notify-place = { $object } in { $namespace }
notify-where = { $line } · { $cluster }
notify-turn-new = new
notify-turn-changed = changed
notify-turn-back = back again
notify-more = … and { $count ->
    [one] { $count } more object
   *[other] { $count } more objects
  }
notify-scan-failed = { $count ->
    [one] Scans of { $count } source fail
   *[other] Scans of { $count } sources fail
  }
notify-scan-failed-line = { $source } · { $cluster }: { $failures } times in a row, since { $since }; its drift is not known
notify-scan-recovered = { $count ->
    [one] Scans of { $count } source succeed again
   *[other] Scans of { $count } sources succeed again
  }
notify-scan-recovered-line = { $source } · { $cluster }: after { $failures } failures since { $since }
notify-repeated = #{ $id } · repeated: it may have arrived before
notify-footer = #{ $id }
notify-open = Open
notify-acknowledge = { $count ->
    [one] Acknowledge
   *[other] Acknowledge all { $count }
  }
notify-acknowledged = Acknowledged.
notify-acknowledged-by = Acknowledged by { $person }.
notify-settled = Somebody has dealt with it already.
notify-unknown = This notification is not known any more.
notify-not-allowed = You may not do this here. Ask whoever runs Anchorwatch to allow it.
