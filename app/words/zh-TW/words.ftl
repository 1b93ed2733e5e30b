# 終端機用語。
level-high = 高
level-medium = 中
level-info = 資訊

tag-changed = 已變更
tag-removed = 已移除
tag-missing = Git 有，叢集沒有
tag-extra-human = 手動新增
tag-extra-controller = 控制器新增
tag-extra-stale = Git 舊值殘留
tag-extra-unknown = 新增
tag-unmanaged = 不屬於任何來源
tag-not-applied = 尚未套用

label-git = Git
label-live = 叢集
label-who = 何人
label-note = 備註

head-git = Git
head-live = 叢集
source-line = { $source } · { $files } 個檔案中的 { $objects } 個物件
live-cluster = 叢集 { $name }
live-snapshot = 快照 { $name }
live-line = { $live } · { $kinds } 種資源 · { $seconds } 秒

who-user = { $user }，來自稽核記錄
note-name = 任何人都能自稱此管理者；在此不足為證
note-unlisted = 不是已知的人用工具
note-unowned = 沒有管理者擁有此欄位；無從得知何人所為
note-no-managed-fields = 記錄時沒有 managedFields；無從得知何人所為
note-past = 曾在 Git 的 { $commit }
note-past-ahead = Git 自 { $commit } 起已不同，{ $when }
note-stuck = 同步卡住
note-autoscaled = 在自動擴縮範圍內
note-outside = 超出自動擴縮範圍
note-zero = 已縮至零

summary-differ = { $objects } 個物件中有 { $differing } 個不同
clean = 無漂移：{ $objects } 個物件與 Git 一致（{ $source }）。
clean-partly = 已比對的部分無漂移：{ $objects } 個物件（{ $source }）。
no-drift = 無漂移
not-compared = 未比對：{ $what } { $reason }
not-compared-in = 未比對（{ $namespace }）：{ $what } { $reason }
unattributed = { $objects } 個物件記錄時沒有 managedFields：無法判定何人所為（請以 --show-managed-fields 記錄）
minor-nearest = 採用 Kubernetes 1.{ $used } 的預設值：尚無 1.{ $cluster } 的資料
hint-explain = 提示：anchorwatch explain { $object }
more-lines = … 另有 { $lines } 行（-o yaml 顯示全部）

ago-now = 剛剛
ago-minutes = { $n } 分鐘前
ago-hours = { $n } 小時前
yesterday = 昨天 { $time }

origin-human = 人
origin-controller = 控制器
origin-stale = Git 的過去
origin-unknown = 不明
why-controllers_own_field = 此欄位由 { $manager } 維護；列於控制器自有欄位表
why-delivery_tool_owns_it = 物件由 { $manager } 交付且擁有此值；Git 已不再記載
why-last_applied = last-applied-configuration 中有此值：曾被套用
why-earlier_commit = 較早的提交曾如此記載
why-persons_tool = { $manager } 是人用的工具
why-audit_user = 稽核記錄指名某人
why-name_proves_nothing = { $manager } 是控制器或交付工具之名，但非此欄位所屬：任何人都能自稱
why-unlisted_manager = { $manager } 不在任何工具表中；不憑猜測稱為人為
why-unowned = 沒有管理者擁有，也不是預設值
why-no_managed_fields = 物件沒有 managedFields
why-gone = 已不存在，managedFields 無法說明何人移除
explain-changed = 兩邊都有，值不同
explain-removed = Git 有，叢集沒有
explain-extra = 叢集有，Git 沒有，且非伺服器填入
explain-missing_object = Git 有此物件，叢集沒有
explain-unmanaged_object = 叢集有此物件，不屬於任何來源
label-change = 變更
label-origin = 來源
label-level = 等級
label-id = 識別
level-by-rule = { $level }，規則 { $rule }：{ $reason }
passed-over = { $object }：{ $defaults } 個值為伺服器預設，{ $system } 個屬於伺服器或其控制器；不算漂移（-v 列出）
class-default = 預設
class-system = 系統
explain-clean = { $object } 與 Git 一致。
ignored = 依您的規則忽略 { $items } 項：{ $rules }
