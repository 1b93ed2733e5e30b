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
gap-secret = a Secret; compared where the source says secrets: compare
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

audit-verified = { $rows ->
    [one] { $rows } row
   *[other] { $rows } rows
  } in { $chains ->
    [one] { $chains } chain
   *[other] { $chains } chains
  } and { $checkpoints ->
    [one] { $checkpoints } checkpoint
   *[other] { $checkpoints } checkpoints
  } were followed, with the key { $key }.
audit-last-checkpoint = The last checkpoint was made at { $time }.
audit-cut = Older rows were forgotten as the configuration says; what is left begins at a signed place.
audit-after-checkpoint = { $n ->
    [one] { $n } row came after the last checkpoint: it is sealed, but if it were cut off nobody would know yet.
   *[other] { $n } rows came after the last checkpoint: they are sealed, but if they were cut off nobody would know yet.
  }
audit-open = { $n ->
    [one] { $n } attempt is open: it runs, or its process was killed.
   *[other] { $n } attempts are open: they run, or their process was killed.
  }
audit-whole = The audit is as it was written.
audit-broken = The audit is NOT as it was written:
audit-more = … and { $n } more
audit-other-key = it was signed with the key { $signed_by }, and not with { $given }
audit-checkpoints-missing = checkpoints { $from } to { $to } are gone
audit-checkpoint-changed = checkpoint { $number } is not the one that was made
audit-checkpoint-misplaced = checkpoint { $number } comes twice, or in the wrong place
audit-checkpoint-forged = checkpoint { $number } is not signed by the key
audit-checkpoint-unreadable = no checkpoint: { $text } ({ $reason })
audit-chain-missing = chain { $chain }: all its rows are gone, at least { $rows }; checkpoint { $checkpoint } knows of them
audit-end-missing = chain { $chain }: rows { $from } to { $to } at its end are gone; checkpoint { $checkpoint } knows of them
audit-rows-missing = chain { $chain }: rows { $from } to { $to } are gone
audit-row-changed = chain { $chain }: row { $seq }, or the one before it, was changed
audit-row-not-as-signed = chain { $chain }: row { $seq }, or one before it, is another than checkpoint { $checkpoint } has signed
audit-rows-forged = chain { $chain }: rows { $from } to { $to } have no seal by the key: added or written anew, or their end was cut off
audit-row-reordered = chain { $chain }: row { $seq } stands after one that came later
audit-row-repeated = chain { $chain }: row { $seq } comes twice
audit-row-misplaced = chain { $chain }: in the place of row { $seq } is { $says }
audit-row-unreadable = { $place } cannot be read: { $reason }
audit-end-without-begin = chain { $chain }: row { $seq } ends attempt { $attempt }, which has not begun or has ended already
audit-begin-repeated = chain { $chain }: row { $seq } begins attempt { $attempt } again
audit-none = Nothing was sent, as far as the audit knows and these flags ask.
audit-head-time = TIME
audit-head-intent = INTENT
audit-head-provider = PROVIDER
audit-head-model = MODEL
audit-head-peer = CONNECTED TO
audit-head-outcome = OUTCOME
audit-head-took = TOOK
audit-head-request = REQUEST
audit-outcome-answered = answered
audit-outcome-failed = failed
audit-outcome-cancelled = cancelled
audit-outcome-rejected = refused before sending
audit-outcome-unsent = not sent
audit-outcome-open = open
audit-outcome-reject = REJECT

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
notify-rejected = No model inside answers: requests are rejected
notify-rejected-line = { $intent }: { $times ->
    [one] { $times } request
   *[other] { $times } requests
  } since { $since }; { $reasons }
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
notify-ignore = { $count ->
    [one] Ignore…
   *[other] Ignore all { $count }…
  }
notify-acknowledged = Acknowledged.
notify-acknowledged-by = Acknowledged by { $person }.
notify-settled = Somebody has dealt with it already.
notify-unknown = This notification is not known any more.
notify-not-allowed = You may not do this here. Ask whoever runs Anchorwatch to allow it.
notify-ignore-look = Look at what this would hide, and say for how long.
notify-ignore-hides = { $count ->
    [one] Ignoring this hides { $count } difference: { $counts }.
   *[other] Ignoring this hides { $count } differences: { $counts }.
  }
notify-ignore-beyond = { $count ->
    [one] { $count } of them is not told here:
   *[other] { $count } of them are not told here:
  }
notify-ignore-ask = For how long? A value that changes is told again.
notify-ignore-days = { $count ->
    [one] { $count } day
   *[other] { $count } days
  }
notify-cancel = Cancel
notify-left = Nothing was changed.
notify-ignore-changed = It is not as you were shown any more. Look again.
notify-ignore-high = Some of this is HIGH, which only an approver may ignore.
notify-ignore-refused = This cannot be ignored from here; the page may say why.
notify-ignore-reason = ignored from Telegram, at notification #{ $id }
notify-ignored-until = Ignored by { $person } until { $until }.
notify-ignored-by = Ignored by { $person }.
notify-ignore-hidden = { $count ->
    [one] { $count } difference is hidden: { $counts }.
   *[other] { $count } differences are hidden: { $counts }.
  }
notify-roll-back = Roll back…
notify-adopt = Adopt…
notify-approvers-only = Only an approver may do this.
notify-plan-roll-back = { $count ->
    [one] Rolling back writes { $count } field to the cluster, as Git says: { $counts }.
   *[other] Rolling back writes { $count } fields to the cluster, as Git says: { $counts }.
  }
notify-plan-adopt = { $count ->
    [one] Adopting commits { $count } field, as the cluster has it, and pushes to { $branch }: { $counts }.
   *[other] Adopting commits { $count } fields, as the cluster has them, and pushes to { $branch }: { $counts }.
  }
notify-plan-field = { $level } { $path }
notify-plan-whole = the whole object
notify-plan-offer = Plan { $hash }: { $person } may confirm it, once, until { $until }.
notify-plan-look = Look at the plan, and confirm it or cancel.
notify-plan-another = The plan is another one now, and nothing was written. Look again.
notify-plan-none = This cannot be done from here; the page may say why.
notify-plan-unsure = It could not be done, or not be seen to its end; the page lists what was.
notify-confirm = Confirm
notify-confirming = Confirmed by { $person }: it is being done. The page lists what comes of it.
notify-confirm-gone = This was confirmed already, or is not known any more.
notify-confirm-late = This was to be confirmed within 15 minutes. Look again.
notify-confirm-not-theirs = Only the person who was shown this plan may confirm it.
notify-roll-back-done = Rollback, confirmed by { $person }: { $state }. Change { $change }.
notify-adopt-done = Adoption, confirmed by { $person }: { $state }, on { $branch }. Change { $change }.

# Words of the page.
page-title-overview = Drift
page-title-item = Item
page-title-ignore = Ignore
page-title-reports = Reports
page-title-report = Report
page-title-workload = Workload
page-title-rules = Rules
page-title-sources = Sources
page-title-login = Come in
page-title-problem = Problem
page-menu = Pages
page-menu-overview = Drift
page-menu-reports = Reports
page-menu-sources = Sources
page-menu-rules = Rules
page-skip = Skip to the content
page-login = Log in
page-logout = Log out
page-updated = Updated.
page-keys = Keys
page-key-rows = next, previous row
page-key-open = open
page-key-filter = filter
page-key-close = close, leave a field
page-key-help = these keys
page-close = Close
page-field = Field
page-object = Object
page-git-live = Git → cluster
page-when = When
page-to = to
page-live = Cluster
page-any = all
page-status = Status
page-status-pending = pending
page-status-acknowledged = acknowledged
page-status-ignored = ignored
page-status-resolved = resolved
page-status-rolled_back = rolled back
page-status-adopted = adopted
page-source = Source
page-cluster = Cluster
page-taken = Chosen filters
page-take-back = Take back: { $x }
page-in-namespace = namespace { $x }
page-in-cluster = cluster { $x }
page-of-source = source { $x }
page-with-text = “{ $x }”
page-of-item = one item
page-with-level = With level
page-no-namespace = (no namespace)
page-filter = Object or field
page-find = Find
page-why = Why
page-more = … and { $n } more
page-none-found = Nothing fits these filters.
page-show-open = Show all that is open
page-caption-items = What differs, the worst first
page-caption-info = What differs and is allowed
page-caption-settled = What does not differ any more, or is ignored
page-folded = { $n ->
    [one] { $n } allowed difference (info)
   *[other] { $n } allowed differences (info)
  }
page-total = { $n ->
    [one] { $n } item
   *[other] { $n } items
  }
page-pages = More of the list
page-previous = Previous
page-next = Next
page-newest = Newest
page-older = Older
page-source-well = Last looked { $when }, { $objects ->
    [one] { $objects } object
   *[other] { $objects } objects
  }.
page-source-partly = Last looked { $when }, { $objects ->
    [one] { $objects } object
   *[other] { $objects } objects
  }; { $gaps } not compared, and so not known to be clean.
page-source-stale = Not looked at since { $when }. What is shown may be out of date.
page-source-unheard = Last looked { $when }. What changes since then may be unheard of.
page-unheard = Nothing is heard of { $what } since { $when }: { $reason }
page-messages-wait = { $n ->
    [one] A message to { $channel } waits
   *[other] { $n } messages to { $channel } wait
  } (the oldest was made { $when }) and { $n ->
    [one] is
   *[other] are
  } tried again: { $reason }
page-messages-lost = { $n ->
    [one] A message to { $channel } was given up
   *[other] { $n } messages to { $channel } were given up
  } (the oldest was made { $when }): { $reason }
page-failing = The store does not take everything since { $when }: what is shown may be out of date. It is tried again until it does; the service's log says why.
page-source-failed = The scan failed { $failed }. What is shown is from { $when }.
page-source-failed-ever = The scan failed { $failed }. It was never compared.
page-source-never = Not scanned yet.
page-list-unread = This list of sources cannot be read since { $x }. Those that are known stay; what is new in it is not compared.
page-list-of-sources = a list of sources in the cluster
page-due-now = now
page-due-minutes = in { $n } min
page-due-hours = in { $n } h
page-calm = No drift. { $x }
page-calm-partly = No drift in what was compared. { $x }
page-not-looked = Nobody has looked yet. The first scan is on its way.
page-nothing-known = Nothing is known: no scan has succeeded yet.
page-nothing-here = There is no source that you may see.
page-path = Path
page-caption-sides = What Git says beside what the cluster has
page-from-line = from line { $n }
page-absent-git = Git says nothing here
page-absent-live = the cluster has nothing here
page-actions = What can be done
page-acknowledge = Acknowledge
page-ignore = Ignore…
page-may-nobody = Whoever is logged in as an operator can acknowledge or ignore this.
page-may-viewer = You may read. It takes the role operator to acknowledge or ignore.
page-may-operator = It takes the role approver to ignore what is HIGH.
page-evidence = Evidence
page-rule = level because
page-origin = origin
page-in-git = in Git
page-by-rule = rule { $x }
page-rendered = rendered
page-first-seen = first seen
page-last-seen = last seen
page-resolved-at = resolved
page-changes = changed
page-changes-count = { $n ->
    [one] { $n } time
   *[other] { $n } times
  } since it was first seen
page-values-had = Values it had
page-held-by = Reports that hold it
page-all-reports = All { $n } reports
page-trigger-cron = on time
page-trigger-webhook = webhook
page-trigger-manual = by hand
page-trigger-api = API
page-trigger-watch = watching
page-ignore-of = Ignore { $x }
page-ignore-all = Ignore all…
page-open-items = { $n ->
    [0] Nothing in this report is open.
    [one] All of the report: { $n } open item
   *[other] All of the report: { $n } open items
  }
page-reason = Reason
page-reason-hint = So that somebody can decide again later.
page-scope = What is ignored
page-scope-item = This item only
page-scope-object = Every field of { $kind }/{ $name } in { $namespace }
page-scope-path = This field of every { $kind } in { $namespace }
page-scope-everywhere = This field of every { $kind } in every namespace
page-expires = Until
page-owner = Owner
page-preview = Show what it hides
page-cancel = Cancel
page-hides = It hides { $n ->
    [one] { $n } item
   *[other] { $n } items
  } now
page-hides-none = Nothing that is open. It hides what fits it later.
page-caption-hides = What the rule hides
page-confirm = Until { $x } nobody is told of it, unless its value changes.
page-confirm-wide = Until { $x } nobody is told of these, nor of what else fits the rule later. A value that changes is told.
page-ignore-now = { $n ->
    [one] Ignore { $n } item
   *[other] Ignore { $n } items
  }
page-ignore-more = Meanwhile there is more that it would hide. Look again, and confirm.
page-ignore-no-reason = Say why.
page-ignore-no-day = Say until when: a day from today to a year from now.
page-ignore-refused = This rule is not made.
page-no-reports = No report fits.
page-caption-reports = Reports, the newest first
page-scanned = Scanned
page-where = Where
page-result = Result
page-objects = Objects
page-gaps = { $n } not compared
page-total-reports = { $n ->
    [one] { $n } report
   *[other] { $n } reports
  }
page-nothing-compared = nothing compared
page-no-drift-partly = no drift in what was compared
page-state-complete = all compared
page-state-partial = partly compared
page-state-failed = failed
page-report-of = Report of { $x }
page-objects-count = { $n ->
    [one] { $n } object
   *[other] { $n } objects
  }
page-ignored-count = { $n } ignored
page-workload-calm = Nothing differs now.
page-settled = { $n ->
    [one] { $n } item that is settled
   *[other] { $n } items that are settled
  }
page-whole-object = the whole object
page-timeline = What happened
page-happened-edit = edited
page-happened-seen = seen by a scan
page-happened-ended = over
page-happened-commit = Git says otherwise since { $commit }
page-title-models = Models
page-menu-changes = Changes
page-menu-models = Models
page-models-private = Private: diagnose, interpret_drift, write_runbook, embed, and whatever is not said to be something else
page-models-hint = A request goes to one after the other, until one answers. Then it is rejected. What is private never leaves the network.
page-models-cloud = cloud
page-models-inside = inside
page-models-resting = It failed too often, and is not asked until
page-models-model = Model
page-models-measured = Measured
page-models-speed = { $x } tokens/s
page-models-attested = Attested by
page-models-rejections = Rejected lately
page-models-networks = Inside are:
page-no-rules = No rule hides anything or grades it otherwise.
page-caption-rules = Rules: the configuration's, then those that people made
page-rule-about = About
page-rule-does = Does
page-match-kind = kind
page-match-name = name
page-match-namespace = namespace
page-match-path = path
page-match-manager = manager
page-action-ignore = ignores
page-action-level = grades as { $x }
page-made-by = made by { $x },
page-in-configuration = in the configuration:
page-never-ends = no end
page-expired = expired
page-end-rule = End it
page-rules-hint = Once a rule has ended, what it hid is pending again with the next scan. Days end at midnight UTC.
page-scan = Scan now
page-scan-of = Scan now: { $x }
page-address = address
page-last-success = last looked
page-last-failure = last failure
page-next-due = next
page-never = never
page-its-items = Its drift
page-its-reports = Its reports
page-job-queued = A scan of { $x } is queued.
page-job-running = { $x } is being scanned.
page-job-done = The scan of { $x } is done.
page-job-failed = The scan of { $x } failed; its source says why.
page-login-link = This link lets you in once.
page-come-in = Come in
page-token = Token
page-token-hint = Whoever runs Anchorwatch makes one:
page-login-wrong = This token is wrong, revoked, or has ended.
page-login-used = This link was used already, or has ended.
page-to-overview = To the drift
page-problem-forbidden = You may not do this
page-problem-forbidden-advice = Log in as somebody who may, or ask whoever runs Anchorwatch.
page-problem-missing = There is nothing here
page-problem-missing-advice = It may have been forgotten since, or you may not see it.
page-problem-misdirected = This service is not called so
page-problem-misdirected-advice = Call it by its address, or have the name added to hosts in the configuration.
page-problem-many = Too many tries
page-problem-many-advice = Too many tries from here. Wait a minute.
page-problem-unavailable = The store does not answer
page-problem-unavailable-advice = Try again in a moment. The service's log says why.
page-problem-refused = This cannot be done
page-problem-refused-advice = Go back, and look at what was asked.
page-problem-broken = Something broke
page-problem-broken-advice = This is a defect of Anchorwatch; its log says more.
rollback-head = Rollback of { $fields ->
    [one] 1 field
   *[other] { $fields } fields
} in { $objects ->
    [one] 1 object
   *[other] { $objects } objects
}: cluster { $cluster } becomes as { $source } says
rollback-nothing = Nothing is to be written: cluster { $cluster }, { $source }
rollback-create = not in the cluster; it is created
rollback-delete-head = Deletion from cluster { $cluster } of an object that { $source } does not have
rollback-delete = not in Git; it is deleted
rollback-recreate = the server does not let it change: it is deleted, and created as Git says in all of this
rollback-alone = nothing that was found belongs to it
rollback-goes-too = with it { $objects ->
    [one] goes 1 object that belongs
   *[other] go { $objects } objects that belong
} to it:
rollback-orphaned = { $objects ->
    [one] 1 object that belongs to it stays
   *[other] { $objects } objects that belong to it stay
}, without an owner:
rollback-not-listed = whether any of these belong to it is not known, as they could not be listed: { $what }
rollback-now = now
rollback-then = then
rollback-absent = (absent)
rollback-left = Left as it is:
rollback-partial = Not everything could be compared; anchorwatch scan says what.
rollback-plan = The server was asked, and would take it. Plan { $hash }
rollback-ask = Write this to the cluster? [y/N]
rollback-proven = { $object }: { $fields ->
    [one] 1 field is
   *[other] { $fields } fields are
} as Git says
rollback-recovered = An earlier change was not finished; what it left was looked after (change { $change }):
rollback-gone = { $object } is gone
rollback-deleted = { $object } is deleted, and not created yet: something holds it; the next rollback goes on with it
rollback-waiting = { $object } was not begun
rollback-not-written = { $object } was not written: { $reason }
rollback-not-proven = { $object } was written, and is not as it was to be: { $reason }
rollback-undo = Take it back with: anchorwatch undo { $change }
undo-head = Takes back { $fields ->
    [one] 1 field
   *[other] { $fields } fields
} in { $objects ->
    [one] 1 object
   *[other] { $objects } objects
} that { $by } has changed, { $at } (change { $change })
undo-delete = the object, which was created
undo-create = the object, which was deleted
undo-recreate = it is deleted, and created as it was, with
undo-refused = stays as it is: { $reason }
undo-proven = { $object } is as it was before
undo-not-kept = { $object } stays as it is: a Secret's values are not kept
rollback-already = { $object } was so already
adopt-head = Adopts { $fields ->
    [one] 1 field
   *[other] { $fields } fields
} into { $files ->
    [one] 1 file
   *[other] { $files } files
} of { $source }, as the cluster has them
adopt-nothing = Nothing is to be written into { $source }
adopt-removed = not in the cluster; it is taken out
adopt-ask = Write this into the files? [y/N]
adopt-written = { $file }: { $fields ->
    [one] 1 field is
   *[other] { $fields } fields are
} as the cluster has it; look at it, and commit it
adopt-ask-push = Commit and push this? [y/N]
adopt-branch = One commit on { $branch }, pushed to the branch { $to }. Plan { $hash }
adopt-direct = One commit, pushed to { $branch } itself. Plan { $hash }
adopt-pushed = Pushed commit { $commit } to { $to } of { $repository }; open a pull request onto { $branch }
adopt-pushed-direct = Pushed commit { $commit } to { $branch } of { $repository }
adopt-proposed = Pushed commit { $commit } to { $to } of { $repository }; the pull request onto { $branch }: { $proposal }
service-nothing = Nothing that is meant is open at { $service }
page-rollback = Roll back…
page-rollback-of = Roll back { $x }
page-rollback-item = What differs
page-rollback-another = It has changed meanwhile, and nothing was written. This is the plan now.
page-rollback-hint = The server has tried these very bytes, and kept nothing. Each value is tested before it is written; afterwards the object is read again.
page-rollback-now = Write this to the cluster
page-delete = Delete…
page-delete-of = Delete { $x }
page-delete-hint = The server has tried it, and deleted nothing. It goes only as the object that it is now; it is kept, so that it can be taken back.
page-delete-now = Delete it from the cluster
page-uid = The object's uid
page-uid-hint = Git does not have it, so it goes by its uid alone, and can be no other object. To see it:
page-belonging = What belongs to it
page-belonging-background = is deleted after it
page-belonging-foreground = is deleted before it
page-belonging-orphan = stays, without an owner
page-plan = Look at the plan
page-choices = What may be done beside that
page-recreate = Delete objects, and create them as Git says, where the server does not let them change
page-even-if-paused = Write though the tool that delivers them is paused
page-caption-plan = What is written
page-plan-values = Now → then
page-title-changes = Changes
page-no-changes = Nothing was written to any cluster.
page-change-rollback = Rolled back
page-change-undo = Taken back
page-undoes = What was taken back
page-undo-hint = Taking it back makes these as they were before, in the fields that were written:
page-undo-not-kept = These stay as they are, as a Secret's values are not kept:
page-undo-now = Take it back
page-step-proven = as it was to be
page-step-already-so = was so already
page-step-waiting = not begun
page-step-intended = being written
page-step-deleted = deleted, to be created anew
page-step-written = written, not proven yet
page-step-not-written = not written
page-step-not-proven = written, and otherwise
page-adopt = Adopt into Git…
page-adopt-of = Adopt { $x } into Git
page-adopt-another = It has changed meanwhile, and nothing was pushed. This is the plan now.
page-adopt-hint = The changed files were read again: exactly what is meant differs no more. One commit is made, with ids, paths, managers and times as its words.
page-adopt-follows = The source follows
page-adopt-to = Pushed to
page-adopt-now = Commit and push
page-change-adopt = Commit that adopts
page-proposal = pull request
page-commit-intended = being pushed
page-commit-pushed = pushed, not merged yet
page-commit-merged = merged, to be seen by a scan
page-commit-adopted = Git has it
page-commit-not-pushed = not pushed
page-commit-dropped = dropped
